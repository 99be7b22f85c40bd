import { accessToken } from "../client";
import { takeApart } from "../jwt";
import { useStore } from "../store";
import { onTheWire, swapped } from "../wire";
import { Countdown } from "./Countdown";
import { TokenText } from "./TokenText";

/** The token in one line, with a link to the view that decodes it. */
export function TokenStrip() {
  const token = useStore(accessToken);
  const swap = useStore(swapped);
  const parts = token ? takeApart(onTheWire(token, swap)) : null;
  return (
    <section className="panel strip" aria-labelledby="strip-head">
      <div className="panel-head">
        <h2 id="strip-head">Your access token</h2>
        <a className="button small" href="#token">
          Decode
        </a>
      </div>
      {parts ? (
        <>
          <TokenText parts={parts} shown={false} brief />
          <Countdown payload={parts.payload} />
        </>
      ) : (
        <div className="skeleton" />
      )}
    </section>
  );
}
