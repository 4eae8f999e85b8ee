/**
 * Loaded before the tests where what lands is decided (`CI=true`): property tests draw the same values in each run, so that a
 * change is judged by what it changes. Elsewhere they draw anew, and a failing run prints its seed.
 * @module
 */
import fc from "fast-check";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 20_261_121 });
