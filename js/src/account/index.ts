export { SignetError } from "../errors.js";
