import { useState } from "react";

import { Icon } from "./Icon";

interface Props {
  text: () => string;
  label: string;
  /** What is copied, for screen readers. */
  of?: string;
}

/** Copies a string and confirms it. Without a clipboard (plain HTTP in a LAN) it shows an error. */
export function CopyButton({ text, label, of }: Props) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setSaid("Copied");
    } catch {
      setSaid("Copy failed");
    }
    setTimeout(() => setSaid(""), 2000);
  };
  return (
    <button type="button" className="quiet small" onClick={() => void copy()}>
      <Icon name={said === "Copied" ? "check" : "copy"} />
      <span aria-live="polite">{said || label}</span>
      {of && <span className="sr-only"> {of}</span>}
    </button>
  );
}
