/** Inline line icons, without a font or a request. They are decoration: each has a label beside it. */
const PATHS = {
  auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  check: "M5 12.5l4.5 4.5L19 7.5",
  copy: "M9 9h10v11H9zM5 15V4h10",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z",
  key: "M14.5 4.5a5 5 0 1 1-3.9 8.1L4 19.2V21h3v-2h2v-2l2-2M15.8 8.2h.01",
  laptop: "M5 5.5h14v10H5zM2.5 19h19",
  list: "M9 6.5h11M9 12h11M9 17.5h11M4.5 6.5h.01M4.5 12h.01M4.5 17.5h.01",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  phone: "M8 3h8v18H8zM11.5 18h1",
  plus: "M12 5v14M5 12h14",
  pulse: "M3 12h4l2.5-7 5 14L17 12h4",
  refresh: "M20 11a8 8 0 0 0-14.3-4.3L4 8.5M4 4v4.5h4.5M4 13a8 8 0 0 0 14.3 4.3L20 15.5M20 20v-4.5h-4.5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  tabs: "M4 8h12v12H4zM8 8V4h12v12h-4",
  trash: "M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13",
  unplug:
    "M4 4l16 16M8.5 12.2a6 6 0 0 1 3-1.5M5 9a10.5 10.5 0 0 1 3.5-2.2M19 9a10.4 10.4 0 0 0-6.5-3M15.5 12.2l.6.5M12 18h.01",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The logo: lines for header, payload and signature, and a seal. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" className="mark-ground" />
      <path d="M8 9.5h16" className="mark-header" />
      <path d="M8 16h11" className="mark-payload" />
      <path d="M8 22.5h6" className="mark-signature" />
      <circle cx="23" cy="21" r="3.6" className="mark-seal" />
    </svg>
  );
}
