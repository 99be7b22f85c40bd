import { useState } from "react";

import { asCurl } from "../curl";
import { timeOfDay } from "../format";
import { type Entry, type EventEntry, forgetAll, journal, type RequestEntry } from "../journal";
import { CopyButton } from "../parts/CopyButton";
import { Icon } from "../parts/Icon";
import { whatTheServerDid } from "../server";
import { useStore } from "../store";

const FILTERS = [
  ["all", "All"],
  ["request", "Requests"],
  ["event", "Events"],
] as const;
type Filter = (typeof FILTERS)[number][0];

/** Requests and events of the client, newest first. */
export function Log() {
  const entries = useStore(journal);
  const [filter, setFilter] = useState<Filter>("all");
  const wanted = entries.filter((entry) => filter === "all" || entry.kind === filter);
  return (
    <aside className="log" aria-labelledby="log-head">
      <div className="log-head">
        <h2 id="log-head">Requests</h2>
        <button type="button" className="quiet small" onClick={forgetAll} disabled={entries.length === 0}>
          Clear
        </button>
      </div>
      <fieldset className="segments compact">
        <legend className="sr-only">Show</legend>
        {FILTERS.map(([value, name]) => (
          <label key={value}>
            <input
              type="radio"
              name="log-filter"
              value={value}
              checked={filter === value}
              onChange={() => setFilter(value)}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      {wanted.length === 0 ? (
        <p className="empty">Requests, what the server did for them, and events of the client appear here.</p>
      ) : (
        <ol className="entries" tabIndex={0} aria-label="Requests and events, newest first">
          {wanted.map((entry) => (
            <Line key={entry.id} entry={entry} />
          ))}
        </ol>
      )}
    </aside>
  );
}

const Line = ({ entry }: { entry: Entry }) =>
  entry.kind === "event" ? <EventLine entry={entry} /> : <RequestLine entry={entry} />;

const Time = ({ at }: { at: Date }) => <time dateTime={at.toISOString()}>{timeOfDay(at)}</time>;

function EventLine({ entry }: { entry: EventEntry }) {
  return (
    <li className="event" data-tone={entry.tone}>
      <p>
        <strong>{entry.title}</strong> <Time at={entry.at} />
      </p>
      {entry.detail && <p className="detail">{entry.detail}</p>}
    </li>
  );
}

function RequestLine({ entry }: { entry: RequestEntry }) {
  const [shown, setShown] = useState(false);
  const curl = () => asCurl(entry, location.origin, shown);
  const bad = entry.status === 0 || (entry.status ?? 0) >= 400;
  return (
    <li className="request" data-bad={bad}>
      <div className="request-head">
        <p>
          <span className="status">{entry.status === null ? "…" : entry.status || "—"}</span>
          <code>
            {entry.method} <bdi>{entry.path}</bdi>
          </code>
        </p>
        <CopyButton text={curl} label="Copy" of={`${entry.method} ${entry.path} as curl`} />
      </div>
      <ul className="did">
        {entry.again && <li className="again">Sent again with the new token</li>}
        {whatTheServerDid(entry).map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      <details>
        <summary>
          <Time at={entry.at} />
          {entry.report && <span>{entry.report.ms.toFixed(1)} ms on the server</span>}
          <span className="more">Show curl</span>
        </summary>
        <pre tabIndex={0} aria-label="Command">
          {curl()}
        </pre>
        {entry.token && (
          <button type="button" className="small" aria-pressed={shown} onClick={() => setShown(!shown)}>
            <Icon name="eye" /> Show token
          </button>
        )}
      </details>
    </li>
  );
}
