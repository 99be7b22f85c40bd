import { countdown } from "../format";
import { useNow } from "../hooks";

/** Shows the time until the token expires. For display only: the client counts from the time of receipt. */
export function Countdown({ payload }: { payload: Record<string, unknown> }) {
  const now = useNow(1000);
  const { exp, iat } = payload;
  if (typeof exp !== "number") return <p className="countdown">Never expires</p>;
  const left = exp - Math.floor(now / 1000);
  const whole = Math.max(1, exp - (typeof iat === "number" ? iat : exp - 900));
  return (
    <div className="countdown" data-over={left <= 0}>
      <p>
        <span className="digits">{left > 0 ? countdown(left) : "Expired"}</span>{" "}
        <small>{left > 0 ? "until it expires" : `${countdown(left)} ago: the next request refreshes it`}</small>
      </p>
      <meter min={0} max={whole} low={whole * 0.2} value={Math.max(0, left)} aria-label="Time left">
        {left} s
      </meter>
    </div>
  );
}
