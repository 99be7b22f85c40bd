export { isSignetError, SignetError } from "./errors.js";
