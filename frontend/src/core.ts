import "./trusted";
import { bus } from "./bus";
import { startChrome } from "./chrome";
import { startHypermedia } from "./hypermedia";
import { startKeys } from "./keys";
import { page } from "./page";
import { startSession } from "./session";
import { startTail } from "./tail";
import "./bar";
import "./value";
import { startVersion } from "./version";

startHypermedia();
startChrome();
startKeys();
startSession();
startVersion();
startTail();
if (page.signedIn) bus.open();
