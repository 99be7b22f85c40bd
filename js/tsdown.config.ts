import { defineConfig, type UserConfig } from "tsdown";

const config: UserConfig = defineConfig({
  entry: {
    index: "src/index.ts",
    react: "src/react/index.ts",
    account: "src/account/index.ts",
    "react-account": "src/react/account.ts",
    hint: "src/hint.ts",
    json: "src/json.ts",
    router: "src/router.ts",
    messages: "src/messages.ts",
    stores: "src/stores.ts",
  },
  format: "esm",
  platform: "neutral",
  target: "es2022",
  dts: true,
  fixedExtension: false,
});

export default config;
