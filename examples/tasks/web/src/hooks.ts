import { useEffect, useState } from "react";

/** The time, again every *ms* milliseconds. For display only: no decision depends on it. */
export function useNow(ms: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}

/** Whether requests can get through: the browser's word, and our own switch. */
export function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const on = () => setOnline(true);
    const off = () => setOnline(false);
    window.addEventListener("online", on);
    window.addEventListener("offline", off);
    return () => {
      window.removeEventListener("online", on);
      window.removeEventListener("offline", off);
    };
  }, []);
  return online;
}

/** What stands behind the `#`, one of *views*; the first if it is none of them. */
export function useView<View extends string>(views: readonly [View, ...View[]]): View {
  const read = (): View => views.find((view) => `#${view}` === location.hash) ?? views[0];
  const [view, setView] = useState(read);
  useEffect(() => {
    const changed = () => setView(read());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  });
  return view;
}

/** The name of the page in the tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Signet tasks`;
  }, [title]);
}
