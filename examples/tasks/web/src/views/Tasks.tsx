import type { SignetClient } from "flask-signet";
import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";

import { Icon } from "../parts/Icon";
import { TokenStrip } from "../parts/TokenStrip";
import { reason, Refused } from "../reason";
import { makeStore, useStore } from "../store";

interface Task {
  id: number;
  title: string;
  done: boolean;
}

const JSON_TYPE = { "Content-Type": "application/json" };

/** The unsaved title and its user. It is kept when the session ends, and never shown to another user. */
const draft = makeStore<{ user: string; title: string }>({ user: "", title: "" });

/** Return the JSON of the response, or throw an error with a message for users. */
async function ask<T>(client: SignetClient, path: string, init?: RequestInit): Promise<T> {
  const response = await client.fetch(path, init);
  if (response.status === 204) return undefined as T;
  const body = (await response.json()) as T & { msg?: string };
  if (!response.ok) throw new Refused(body.msg ?? `The server answered ${response.status}.`);
  return body;
}

export function Tasks({ client }: { client: SignetClient }) {
  const user = String(client.user?.id ?? "");
  const kept = useStore(draft);
  const title = kept.user === user ? kept.title : "";
  const [tasks, setTasks] = useState<Task[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [said, setSaid] = useState("");
  const field = useRef<HTMLInputElement>(null);

  const attempt = useCallback(async (work: () => Promise<void>) => {
    setProblem(null);
    try {
      await work();
    } catch (error) {
      setProblem(reason(error));
    }
  }, []);

  const load = useCallback(() => attempt(async () => setTasks(await ask<Task[]>(client, "tasks"))), [attempt, client]);
  useEffect(() => void load(), [load]);
  useEffect(() => {
    const again = () => void load();
    window.addEventListener("online", again);
    return () => window.removeEventListener("online", again);
  }, [load]);

  const add = (event: FormEvent) => {
    event.preventDefault();
    if (!title.trim()) {
      setProblem("Enter a title.");
      field.current?.focus();
      return;
    }
    void attempt(async () => {
      const task = await ask<Task>(client, "tasks", {
        method: "POST",
        headers: JSON_TYPE,
        body: JSON.stringify({ title }),
      });
      setTasks((now) => [...(now ?? []), task]);
      draft.set({ user, title: "" });
      setSaid(`Added: ${task.title}`);
    });
  };

  const tick = (task: Task) =>
    void attempt(async () => {
      const body = JSON.stringify({ done: !task.done });
      const next = await ask<Task>(client, `tasks/${task.id}`, { method: "PATCH", headers: JSON_TYPE, body });
      setTasks((now) => (now ?? []).map((each) => (each.id === next.id ? next : each)));
    });

  const remove = (task: Task) =>
    void attempt(async () => {
      await ask(client, `tasks/${task.id}`, { method: "DELETE" });
      setTasks((now) => (now ?? []).filter((each) => each.id !== task.id));
      setSaid(`Deleted: ${task.title}`);
      field.current?.focus();
    });

  const open = tasks?.filter((task) => !task.done).length ?? 0;
  return (
    <>
      <div className="view-head">
        <h1>Tasks</h1>
        {tasks && tasks.length > 0 && (
          <p className="hint">{open === 0 ? "All done" : `${open} of ${tasks.length} to do`}</p>
        )}
      </div>
      <section className="panel" aria-label="Your tasks">
        <form className="add" onSubmit={add} noValidate>
          <label className="sr-only" htmlFor="title">
            New task
          </label>
          <input
            id="title"
            ref={field}
            name="title"
            maxLength={200}
            autoComplete="off"
            placeholder="New task"
            value={title}
            onChange={(event) => draft.set({ user, title: event.target.value })}
            aria-invalid={problem !== null}
            aria-describedby={problem ? "task-problem" : undefined}
          />
          <button type="submit" className="primary">
            <Icon name="plus" />
            <span>Add</span>
          </button>
        </form>
        <div role="alert">
          {problem && (
            <p className="problem" id="task-problem">
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
        {tasks === null && !problem && (
          <div role="status">
            <p className="sr-only">Loading your tasks…</p>
            <div className="skeleton" />
            <div className="skeleton" />
            <div className="skeleton" />
          </div>
        )}
        {tasks?.length === 0 && (
          <div className="empty">
            <Icon name="check" />
            <p>No tasks. Add the first one above.</p>
          </div>
        )}
        {tasks && tasks.length > 0 && (
          <ul className="tasks">
            {tasks.map((task) => (
              <li key={task.id} data-done={task.done}>
                <label>
                  <input type="checkbox" checked={task.done} onChange={() => tick(task)} />
                  <bdi>{task.title}</bdi>
                </label>
                <button type="button" className="quiet small" onClick={() => remove(task)}>
                  <Icon name="trash" />
                  <span className="sr-only">Delete {task.title}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
      </section>
      <TokenStrip />
    </>
  );
}
