import type { SignetClient } from "flask-signet";
import { useAuth } from "flask-signet/react";
import { useEffect, useRef } from "react";

import { accessToken, signOut, userName } from "./client";
import { useOnline, useTitle, useView } from "./hooks";
import { Icon, type IconName, Mark } from "./parts/Icon";
import { ThemeSwitch } from "./parts/ThemeSwitch";
import { useStore } from "./store";
import { Login } from "./views/Login";
import { Log } from "./views/Log";
import { Sessions } from "./views/Sessions";
import { Tasks } from "./views/Tasks";
import { Token } from "./views/Token";
import { cut, setCut } from "./wire";

const VIEWS = ["tasks", "token", "sessions", "log"] as const;
type View = (typeof VIEWS)[number];
const NAMES: Record<View, [string, IconName]> = {
  tasks: ["Tasks", "check"],
  token: ["Token", "key"],
  sessions: ["Sessions", "laptop"],
  log: ["Requests", "pulse"],
};

/** Return the name of the user, read once per session from the lesson's protected route. */
function useName(client: SignetClient, signedIn: boolean): string | null {
  useEffect(() => {
    if (!signedIn) return;
    let wanted = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (tries: number): Promise<void> => {
      const response = await client.fetch("protected").catch(() => null);
      const body = response?.ok ? ((await response.json()) as { username?: string }) : null;
      if (!wanted) return;
      if (body) userName.set(body.username ?? null);
      // Offline, or while the server fails, the page works without the name.
      else if (tries > 1 && response?.status !== 401) timer = setTimeout(() => void ask(tries - 1), 2000);
    };
    void ask(5);
    return () => {
      wanted = false;
      clearTimeout(timer);
      userName.set(null);
    };
  }, [client, signedIn]);
  return useStore(userName);
}

function OfflineBanner() {
  const online = useOnline();
  const isCut = useStore(cut);
  if (online && !isCut) return null;
  return (
    <div className="banner" role="status">
      <Icon name="unplug" />
      <span>
        {isCut ? "You are offline for this test: every request fails." : "You are offline."} You stay signed in, and
        your input is kept.
      </span>
      {isCut && (
        <button type="button" className="small" onClick={() => setCut(false)}>
          Go online
        </button>
      )}
    </div>
  );
}

export function App({ client }: { client: SignetClient }) {
  const { status, error } = useAuth();
  const signedIn = status === "signed-in";
  const view = useView(VIEWS);
  const name = useName(client, signedIn);
  const token = useStore(accessToken);
  const main = useRef<HTMLElement>(null);
  const shown = useRef(`${status} ${view}`);
  useTitle(signedIn ? NAMES[view][0] : status === "loading" ? "Loading" : "Sign in");

  // For keyboards and screen readers: focus the start of the new view.
  useEffect(() => {
    const next = `${status} ${view}`;
    if (shown.current !== next && !shown.current.startsWith("loading")) main.current?.focus({ preventScroll: true });
    shown.current = next;
  }, [status, view]);

  return (
    <div className="shell" data-view={signedIn ? view : "login"}>
      <a className="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to the content
      </a>
      <header className="top">
        <span className="brand">
          <Mark />
          <span>
            Signet <em>tasks</em>
          </span>
        </span>
        {signedIn && (
          <nav aria-label="Views">
            {VIEWS.map((each) => (
              <a key={each} href={`#${each}`} data-link={each} aria-current={view === each ? "page" : undefined}>
                <Icon name={NAMES[each][1]} />
                <span>{NAMES[each][0]}</span>
              </a>
            ))}
          </nav>
        )}
        <div className="top-end">
          <ThemeSwitch />
          {signedIn && (
            <>
              <span className="who" title="Signed in as">
                <bdi>{name ?? "…"}</bdi>
              </span>
              <button type="button" className="quiet" onClick={() => void signOut(client)}>
                Sign out
              </button>
            </>
          )}
        </div>
      </header>
      <OfflineBanner />
      <div className="columns">
        <main id="main" ref={main} tabIndex={-1}>
          {status === "loading" && (
            <Loading stuck={error !== null} onRetry={() => void client.token().catch(() => undefined)} />
          )}
          {status === "signed-out" && <Login client={client} />}
          {signedIn && view === "tasks" && <Tasks client={client} />}
          {signedIn && view === "token" && <Token client={client} token={token} />}
          {signedIn && view === "sessions" && <Sessions client={client} />}
          {signedIn && view === "log" && <h1 className="sr-only">Requests</h1>}
        </main>
        <Log />
      </div>
    </div>
  );
}

function Loading({ stuck, onRetry }: { stuck: boolean; onRetry: () => void }) {
  if (stuck) {
    return (
      <section className="panel" role="status">
        <h1>No answer from the server</h1>
        <p>The page cannot find out yet whether you are signed in.</p>
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      </section>
    );
  }
  return (
    <div className="panel" role="status">
      <p className="sr-only">Checking whether you are signed in…</p>
      <div className="skeleton wide" />
      <div className="skeleton" />
      <div className="skeleton" />
    </div>
  );
}
