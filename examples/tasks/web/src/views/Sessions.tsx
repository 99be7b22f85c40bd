import type { SignetClient } from "flask-signet";
import { type Account, account, type Session, sessions } from "flask-signet/account";
import { useCallback, useEffect, useState } from "react";

import { signOut, userName } from "../client";
import { ago, dateAndTime, deviceName, isPhone } from "../format";
import { useNow } from "../hooks";
import { Icon } from "../parts/Icon";
import { Panel } from "../parts/Panel";
import { reason } from "../reason";

export function Sessions({ client }: { client: SignetClient }) {
  const [list, setList] = useState<readonly Session[] | null>(null);
  const [owner, setOwner] = useState<Account | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [sure, setSure] = useState(false);
  const [said, setSaid] = useState("");

  const load = useCallback(async () => {
    setProblem(null);
    try {
      const [all, who] = await Promise.all([sessions.list(client), account(client)]);
      setList(all);
      setOwner(who);
      userName.set(who.username);
    } catch (error) {
      setProblem(reason(error));
    }
  }, [client]);
  useEffect(() => {
    void load();
    const again = () => document.visibilityState === "visible" && void load();
    document.addEventListener("visibilitychange", again);
    return () => document.removeEventListener("visibilitychange", again);
  }, [load]);

  const end = async (work: () => Promise<unknown>, done: string) => {
    setSure(false);
    try {
      await work();
      setSaid(done);
      await load();
    } catch (error) {
      setProblem(reason(error));
    }
  };

  const sorted = list && [...list].sort((one, other) => Number(other.current) - Number(one.current));
  const others = list?.filter((each) => !each.current).length ?? 0;
  return (
    <>
      <div className="view-head">
        <h1>Sessions</h1>
        {others > 0 &&
          (sure ? (
            <div className="row">
              <button
                type="button"
                className="danger"
                onClick={() => void end(() => sessions.endOthers(client), "All other sessions have ended")}
              >
                {others === 1 ? "Sign out 1 other device" : `Sign out ${others} other devices`}
              </button>
              <button type="button" className="quiet" onClick={() => setSure(false)}>
                Cancel
              </button>
            </div>
          ) : (
            <button type="button" onClick={() => setSure(true)}>
              Sign out all other devices
            </button>
          ))}
      </div>
      <p className="lead">
        The devices where you are signed in. After you end a session, every server process rejects its tokens within one
        second.
      </p>
      <div role="alert">
        {problem && (
          <p className="problem">
            {problem}{" "}
            <button type="button" className="link" onClick={() => void load()}>
              Try again
            </button>
          </p>
        )}
      </div>
      <p className="sr-only" role="status">
        {said}
      </p>
      {sorted === null && !problem && (
        <div className="panel" role="status">
          <p className="sr-only">Loading your sessions…</p>
          <div className="skeleton" />
          <div className="skeleton" />
        </div>
      )}
      <ul className="sessions">
        {sorted?.map((session) => (
          <Row
            key={session.id}
            session={session}
            onEnd={() =>
              void (session.current
                ? signOut(client)
                : end(() => sessions.end(client, session.id), "The session has ended"))
            }
          />
        ))}
      </ul>
      {sorted && others === 0 && (
        <p className="hint">
          This is your only session. Sign in from another browser or a private window to see a second one.
        </p>
      )}
      {owner && <Owner owner={owner} />}
    </>
  );
}

function Owner({ owner }: { owner: Account }) {
  // A built-in account always has one.
  const since = new Date(owner.created_at ?? 0);
  return (
    <Panel title="Your account" id="owner-head">
      <dl className="facts owner">
        <div>
          <dt>User name</dt>
          <dd>
            <bdi>{owner.username}</bdi>
          </dd>
        </div>
        <div>
          <dt>E-mail</dt>
          <dd>{owner.email === null ? "none" : <bdi>{owner.email}</bdi>}</dd>
        </div>
        <Fact name="Created" date={since} now={Date.now()} />
      </dl>
    </Panel>
  );
}

function Row({ session, onEnd }: { session: Session; onEnd: () => void }) {
  const now = useNow(15_000);
  const name = deviceName(session.device);
  return (
    <li className="panel session" data-current={session.current}>
      <span className="session-icon">
        <Icon name={isPhone(session.device) ? "phone" : "laptop"} />
      </span>
      <div>
        <h2>
          <bdi>{name}</bdi> {session.current && <span className="badge">This device</span>}
        </h2>
        <dl className="facts">
          <Fact name="Signed in" date={new Date(session.created)} now={now} />
          <Fact name="Last seen" date={new Date(session.last_seen)} now={now} />
          <div>
            <dt>IP address</dt>
            <dd>
              <code>{session.ip ?? "unknown"}</code>
            </dd>
          </div>
        </dl>
      </div>
      <button type="button" className="quiet" onClick={onEnd}>
        {session.current ? "Sign out" : "End session"}
        {!session.current && <span className="sr-only"> {name}</span>}
      </button>
    </li>
  );
}

function Fact({ name, date, now }: { name: string; date: Date; now: number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <time dateTime={date.toISOString()} title={dateAndTime(date)}>
          {ago(date, now)}
        </time>
      </dd>
    </div>
  );
}
