import { useEffect, useState } from "react";

/** Return the time, updated every *ms* milliseconds. For display only. */
export function useNow(ms: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}

/** Return whether the page is online: by the browser, and by the switch of the page. */
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

/** Return the view named after the `#` of the URL, or the first of *views*. */
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

/** Set the title of the page. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Signet tasks`;
  }, [title]);
}
