import "./styles.css";

import { AuthProvider } from "flask-signet/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App";
import { running } from "./client";
import { useStore } from "./store";

function Root() {
  const { client, mode } = useStore(running);
  return (
    <AuthProvider client={client} key={mode}>
      <App client={client} />
    </AuthProvider>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Root />
    </StrictMode>,
  );
}
