import { RateLimitError, type SignetClient, ValidationError } from "flask-signet";
import { register } from "flask-signet/account";
import { type ComponentProps, type FormEvent, useEffect, useId, useRef, useState } from "react";

import { over } from "../client";
import { Icon } from "../parts/Icon";
import { StorageSwitch } from "../parts/StorageSwitch";
import { reason } from "../reason";
import { makeStore, useStore } from "../store";

/** Stored outside the form, so that the input is kept when the storage changes or the session ends. */
const typedName = makeStore("");
/** Deleted after the login. */
const typedPassword = makeStore("");

const LESSON = { username: "alesanchezr", password: "12341234" };

function useRegistration(): boolean {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    fetch("/demo/about", { signal: stop.signal })
      .then((response) => response.json())
      .then((about: { registration?: boolean }) => setOpen(about.registration === true))
      .catch(() => undefined);
    return () => stop.abort();
  }, []);
  return open;
}

function useCountdown(): [number, (seconds: number) => void] {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return [left, setLeft];
}

function Field({ label, ...input }: { label: string } & ComponentProps<"input">) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} {...input} />
    </div>
  );
}

export function Login({ client }: { client: SignetClient }) {
  const why = useStore(over);
  const username = useStore(typedName);
  const mayRegister = useRegistration();
  const [fresh, setFresh] = useState(false);
  const password = useStore(typedPassword);
  const [email, setEmail] = useState("");
  const [shown, setShown] = useState(false);
  const [caps, setCaps] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  /** The invalid field; `null` if the server does not name one, as for a wrong password. */
  const [wrong, setWrong] = useState<string | null>(null);
  const [wait, setWait] = useCountdown();
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  const focusOn = (name: string) =>
    form.current?.querySelector<HTMLInputElement>(`[name="${CSS.escape(name)}"]`)?.focus();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || wait > 0) return;
    if (!username || !password) {
      const missing = username ? "password" : "username";
      setProblem(username ? "Enter your password." : "Enter your user name.");
      setWrong(missing);
      focusOn(missing);
      return;
    }
    setBusy(true);
    setProblem(null);
    setWrong(null);
    try {
      if (fresh) await register(client, { username, password, ...(email && { email }) });
      await client.login(username, password);
      typedPassword.set("");
    } catch (error) {
      setProblem(reason(error));
      const field = error instanceof ValidationError ? Object.keys(error.fields)[0] : undefined;
      setWrong(field ?? null);
      if (error instanceof RateLimitError) setWait(Math.ceil(error.retryAfter ?? 1));
      else focusOn(field ?? "password");
    } finally {
      setBusy(false);
    }
  };

  const invalid = (name: string) => problem !== null && wait === 0 && (wrong ?? name) === name;
  const told = problem ? `${id}e` : undefined;
  return (
    <div className="login">
      <div className="login-card panel">
        {why && (
          <p className="notice" role="status">
            {why === "expired"
              ? "Your session has ended. Sign in again. Your input is kept."
              : "You signed out in another tab."}
          </p>
        )}
        <div>
          <h1>{fresh ? "Create an account" : "Sign in"}</h1>
          <p className="hint">See how a JSON Web Token is issued, sent and checked.</p>
        </div>
        <form
          ref={form}
          method="post"
          action="/token"
          onSubmit={(event) => void submit(event)}
          aria-busy={busy}
          noValidate
        >
          <Field
            label="User name"
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            value={username}
            onChange={(event) => typedName.set(event.target.value)}
            aria-invalid={invalid("username")}
            aria-describedby={told}
          />
          {fresh && (
            <Field
              label="E-mail (optional)"
              name="email"
              type="email"
              autoComplete="email"
              value={email}
              onChange={(event) => setEmail(event.target.value)}
              aria-invalid={invalid("email")}
              aria-describedby={told}
            />
          )}
          <div className="field">
            <label htmlFor={`${id}p`}>Password</label>
            <div className="with-button">
              <input
                id={`${id}p`}
                name="password"
                type={shown ? "text" : "password"}
                autoComplete={fresh ? "new-password" : "current-password"}
                minLength={fresh ? 8 : undefined}
                spellCheck={false}
                value={password}
                onChange={(event) => typedPassword.set(event.target.value)}
                onKeyUp={(event) => setCaps(event.getModifierState("CapsLock"))}
                aria-invalid={invalid("password")}
                aria-describedby={[told, caps && `${id}c`].filter(Boolean).join(" ") || undefined}
              />
              <button type="button" className="quiet small" aria-pressed={shown} onClick={() => setShown(!shown)}>
                <Icon name="eye" />
                <span className="sr-only">Show password</span>
              </button>
            </div>
            {caps && (
              <p className="hint" id={`${id}c`}>
                Caps Lock is on.
              </p>
            )}
          </div>
          <div role="alert">
            {problem && (
              <p className="problem" id={`${id}e`}>
                {problem}
                {wait > 0 && <> Try again in {wait}&nbsp;s.</>}
              </p>
            )}
          </div>
          <button type="submit" className="primary wide" disabled={wait > 0} aria-disabled={busy}>
            {busy
              ? fresh
                ? "Creating the account…"
                : "Signing in…"
              : wait > 0
                ? `Wait ${wait} s`
                : fresh
                  ? "Create account"
                  : "Sign in"}
          </button>
        </form>
        {mayRegister && (
          <button
            type="button"
            className="link"
            onClick={() => {
              setFresh(!fresh);
              setProblem(null);
            }}
          >
            {fresh ? "Sign in to an existing account" : "Create an account"}
          </button>
        )}
        <div className="lesson">
          <p>
            User of the lesson: <code>{LESSON.username}</code>, password <code>{LESSON.password}</code>.
          </p>
          <button
            type="button"
            className="small"
            onClick={() => {
              typedName.set(LESSON.username);
              typedPassword.set(LESSON.password);
              setProblem(null);
            }}
          >
            Use this user
          </button>
        </div>
      </div>
      <section className="panel" aria-label="Token storage">
        <StorageSwitch signedIn={false} />
      </section>
    </div>
  );
}
