import "./trusted";
import { bus } from "./bus";
import { startChrome } from "./chrome";
import { startHypermedia } from "./hypermedia";
import { startKeys } from "./keys";
import { page } from "./page";
import { startSession } from "./session";
import "./bar";
import "./value";

startHypermedia();
startChrome();
startKeys();
startSession();
if (page.signedIn) bus.open();
