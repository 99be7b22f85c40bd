import type { SignetClient } from "flask-signet";
import { useState } from "react";

import { dateAndTime } from "../format";
import { note } from "../journal";
import { corrupt, explain, isTime, type Parts, takeApart } from "../jwt";
import { Countdown } from "../parts/Countdown";
import { CopyButton } from "../parts/CopyButton";
import { Icon } from "../parts/Icon";
import { Panel } from "../parts/Panel";
import { StorageSwitch } from "../parts/StorageSwitch";
import { TokenText } from "../parts/TokenText";
import { reason, Refused } from "../reason";
import { useStore } from "../store";
import { cut, onTheWire, setCut, swapped } from "../wire";

export function Token({ client, token }: { client: SignetClient; token: string | null }) {
  const swap = useStore(swapped);
  const isCut = useStore(cut);
  const [shown, setShown] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const sent = token && onTheWire(token, swap);
  const parts = sent ? takeApart(sent) : null;

  const attempt = async (work: () => Promise<void>) => {
    setProblem(null);
    try {
      await work();
    } catch (error) {
      setProblem(reason(error));
    }
  };
  const expireNow = () =>
    attempt(async () => {
      const response = await client.fetch("demo/expire", { method: "POST" });
      const body = (await response.json()) as { token?: string; msg?: string };
      const real = await client.token();
      if (!body.token || !real) throw new Refused(body.msg ?? "The server gave no expired token.");
      swapped.set({ real, sent: body.token });
      note("plain", "Expired token set", "The next request sends an expired token, for this test.");
    });
  const corruptIt = () => {
    if (!token) return;
    swapped.set({ real: token, sent: corrupt(token) });
    note("plain", "Changed token set", "The next request sends a token with one changed character in its signature.");
  };
  const tryIt = () => attempt(async () => void (await client.fetch("protected")));
  const refresh = () => attempt(async () => void (await client.token({ force: true })));

  return (
    <>
      <div className="view-head">
        <h1>Your access token</h1>
      </div>
      <p className="lead">
        A JWT is <strong>signed, not encrypted</strong>: anyone who has it can read it, but only the server can create
        or change it. Your browser decoded it on this page, without a request.
      </p>
      {parts ? (
        <Apart parts={parts} shown={shown} onShow={() => setShown(!shown)} swapped={sent !== token} text={sent ?? ""} />
      ) : (
        <section className="panel" aria-label="Token">
          <div className="skeleton wide" />
          <div className="skeleton" />
        </section>
      )}
      <Panel title="Try it" id="test-head">
        <p>
          Choose a token and send a request. If the server rejects the token, the client refreshes it and sends the
          request again. The log of requests shows each step.
        </p>
        <div className="actions">
          <button type="button" onClick={() => void tryIt()}>
            <Icon name="pulse" /> Send a request
          </button>
          <button type="button" onClick={() => void expireNow()}>
            <Icon name="moon" /> Use an expired token
          </button>
          <button type="button" onClick={corruptIt}>
            <Icon name="key" /> Use a changed token
          </button>
          <button type="button" onClick={() => void refresh()}>
            <Icon name="refresh" /> Refresh the token
          </button>
          <a className="button" href="/" target="_blank" rel="noopener">
            <Icon name="tabs" /> Open a second tab
          </a>
          <button type="button" aria-pressed={isCut} onClick={() => setCut(!isCut)}>
            <Icon name="unplug" /> Go offline
          </button>
        </div>
        <div role="alert">{problem && <p className="problem">{problem}</p>}</div>
      </Panel>
      <Panel title="Token storage" id="storage-head">
        <StorageSwitch signedIn />
      </Panel>
    </>
  );
}

interface ApartProps {
  parts: Parts;
  shown: boolean;
  swapped: boolean;
  text: string;
  onShow: () => void;
}

function Apart({ parts, shown, swapped: isSwapped, text, onShow }: ApartProps) {
  return (
    <section className="panel apart" aria-label="The access token">
      <div className="panel-head">
        <Countdown payload={parts.payload} />
        <div className="row">
          <button type="button" className="small" aria-pressed={shown} onClick={onShow}>
            <Icon name="eye" /> Show token
          </button>
          <CopyButton text={() => text} label="Copy" of="the token" />
        </div>
      </div>
      {isSwapped && (
        <p className="notice">The page sends this token instead of the client&rsquo;s until the server rejects it.</p>
      )}
      <TokenText parts={parts} shown={shown} />
      <div className="parts">
        <Claims name="Header" part="header" about="How it is signed" values={parts.header} />
        <Claims name="Payload" part="payload" about="Claims about the user" values={parts.payload} />
        <div className="part" data-part="signature">
          <h2>
            <span className="chip part-signature">Signature</span>
            <small>Proof that the server issued it</small>
          </h2>
          <p>
            {bytes(parts.text[2])} bytes, computed from the header and the payload with the server&rsquo;s key. If one
            character of either changes, the signature is invalid. The server checks it at every request; the page
            cannot and need not check it.
          </p>
        </div>
      </div>
    </section>
  );
}

const bytes = (base64url: string): number => Math.floor((base64url.length * 3) / 4);

function Claims({
  name,
  part,
  about,
  values,
}: {
  name: string;
  part: string;
  about: string;
  values: Record<string, unknown>;
}) {
  return (
    <div className="part" data-part={part}>
      <h2>
        <span className={`chip part-${part}`}>{name}</span>
        <small>{about}</small>
      </h2>
      <dl>
        {Object.entries(values).map(([key, value]) => (
          <div key={key}>
            <dt>
              <code>{key}</code>
            </dt>
            <dd>
              <code className="value">{JSON.stringify(value)}</code>
              {isTime(key, value) && (
                <time dateTime={new Date(value * 1000).toISOString()}>{dateAndTime(new Date(value * 1000))}</time>
              )}
              <span>{explain(key)}</span>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
