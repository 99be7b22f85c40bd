import { changeMode, type Mode, MODES, running } from "../client";
import { useStore } from "../store";

const TEXTS: Record<Mode, { name: string; where: string; taken: string; risk: 1 | 2 | 3 }> = {
  cookie: {
    name: "Cookie",
    where:
      "The refresh token is in an HttpOnly cookie, the access token in the memory of this page. You stay signed in after a reload.",
    taken:
      "Access tokens, and it can send requests as you while the page is open. It cannot read the refresh token, so its access ends at most 15 minutes after you close the page, when the last access token expires.",
    risk: 1,
  },
  memory: {
    name: "Memory",
    where: "Both tokens are only in the memory of this page. A reload signs you out.",
    taken:
      "Both tokens, if it watches the page's requests. It can then use the session elsewhere until it ends. After you close the page, it finds nothing.",
    risk: 2,
  },
  session: {
    name: "Session storage",
    where: "Both tokens are in the storage of this tab until you close it.",
    taken:
      "Both tokens, with one line of code. It can then use the session elsewhere until it ends: after 30 days at most, or when you end it under Sessions.",
    risk: 3,
  },
  local: {
    name: "Local storage",
    where: "Both tokens are in the storage of the browser, for all tabs, also after a restart. Most tutorials do this.",
    taken:
      "Both tokens, with one line of code, in any tab, also weeks later. It can then use the session elsewhere until it ends: after 30 days at most, or when you end it under Sessions.",
    risk: 3,
  },
};
const RISKS = { 1: "low", 2: "medium", 3: "high" } as const;

/** Chooses the storage of the tokens, and shows what an injected script could steal from it. */
export function StorageSwitch({ signedIn }: { signedIn: boolean }) {
  const { mode } = useStore(running);
  const chosen = TEXTS[mode];
  return (
    <div className="storage">
      <fieldset className="segments">
        <legend>Store the tokens in</legend>
        {MODES.map((value) => (
          <label key={value}>
            <input
              type="radio"
              name="storage"
              value={value}
              checked={mode === value}
              onChange={() => void changeMode(value)}
            />
            <span>{TEXTS[value].name}</span>
          </label>
        ))}
      </fieldset>
      <p>{chosen.where}</p>
      <p className="risk" data-risk={chosen.risk}>
        <strong>
          What could an injected script steal? <span className="risk-word">Risk: {RISKS[chosen.risk]}.</span>
        </strong>{" "}
        {chosen.taken}
      </p>
      {signedIn && (
        <p className="hint">If you choose another storage, you are signed out, because the tokens are not moved.</p>
      )}
    </div>
  );
}
