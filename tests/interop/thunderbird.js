/* What a person does in Thunderbird, as functions; thunderbird.py beside it loads this into the main window and calls them through Marionette.
 *
 * Everything goes through Thunderbird's own windows and services: the account set-up guesses, verifies and creates; the three-pane window
 * shows folders and messages; the compose window sends. Folders are named by their path below the account, "仕事/会議".
 */

/* global ChromeUtils, Ci, Cc, Services, document, msgWindow */

const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");
const setup = name => ChromeUtils.importESModule(`resource:///modules/accountcreation/${name}.sys.mjs`)[name];

const PATIENCE = 20000;

/** What Thunderbird has told the user. */
const alerts = [];
MailServices.mailSession.addUserFeedbackListener({
  QueryInterface: ChromeUtils.generateQI(["nsIMsgUserFeedbackListener"]),
  onAlert(text) {
    alerts.push(text);
    return true;
  },
  onCertError() {
    alerts.push("certificate");
  },
});

async function until(what, condition) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = condition();
    if (found) {
      return found;
    }
    if (Date.now() > end) {
      throw new Error(`${what}: not in time; alerts: ${JSON.stringify(alerts)}`);
    }
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

/** Call something with a listener for one URL or one copy, and wait for its end. */
function done(start) {
  return new Promise((resolve, reject) => {
    const end = status =>
      Components.isSuccessCode(status) ? resolve() : reject(new Error(`${status.toString(16)}: ${JSON.stringify(alerts)}`));
    start({
      QueryInterface: ChromeUtils.generateQI(["nsIUrlListener", "nsIMsgCopyServiceListener"]),
      OnStartRunningUrl() {},
      OnStopRunningUrl: (url, status) => end(status),
      onStartCopy() {},
      onProgress() {},
      setMessageKey() {},
      getMessageId: () => null,
      onStopCopy: end,
    });
  });
}

// --- accounts ---

/** What the dialog for a certificate that nobody vouches for does, when "Confirm" is clicked. */
function trust(certificate, ports) {
  const database = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
  const overrides = Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService);
  for (const port of ports) {
    overrides.rememberValidityOverride("localhost", port, {}, database.constructX509FromBase64(certificate), false);
  }
}

function configuration(who, incoming, outgoing) {
  const { AccountConfig } = ChromeUtils.importESModule("resource:///modules/accountcreation/AccountConfig.sys.mjs");
  const config = new AccountConfig();
  const login = { hostname: "localhost", username: who.address, password: who.password };
  Object.assign(config.incoming, login, incoming);
  Object.assign(config.outgoing, login, { type: "smtp" }, outgoing);
  Object.assign(config.identity, { realname: who.name, emailAddress: who.address });
  config.rememberPassword = true;
  return config;
}

/** "Retest": what Thunderbird finds out about servers on these ports. */
async function guess(who, incoming, outgoing) {
  const config = configuration(who, incoming, outgoing);
  const found = await setup("GuessConfig").guessConfig("example.test", () => {}, config, "both", new AbortController().signal);
  const choice = ({ socketType, auth, authAlternatives }) => ({ socketType, auth, authAlternatives });
  return { incoming: choice(found.incoming), outgoing: choice(found.outgoing) };
}

/** "Done": verify the log-in, trying other ways if there are any, and create the account. Returns how it logs in. */
async function addAccount(who, incoming, outgoing) {
  const { ConfigVerifier } = ChromeUtils.importESModule("resource:///modules/accountcreation/ConfigVerifier.sys.mjs");
  const config = configuration(who, incoming, outgoing);
  const verified = await new ConfigVerifier(msgWindow, new AbortController().signal).verifyConfig(config, true);
  const { incomingServer } = await setup("CreateInBackend").createAccountInBackend(verified);
  if (incomingServer.type == "imap") {
    incomingServer.getNewMessages(incomingServer.rootFolder, msgWindow, null);
  }
  return { incoming: verified.incoming.auth, outgoing: verified.outgoing.auth };
}

const account = who => MailServices.accounts.accounts.find(each => each.defaultIdentity?.email == who);
const root = who => account(who).incomingServer.rootFolder;

/** "Remove Account", with its data. */
function removeAccount(who) {
  const { defaultIdentity, incomingServer } = account(who);
  incomingServer.closeCachedConnections();
  const outgoing = MailServices.outgoingServer.getServerByIdentity(defaultIdentity);
  MailServices.accounts.removeAccount(account(who), true);
  outgoing.closeCachedConnections?.();
  MailServices.outgoingServer.deleteServer(outgoing);
}

// --- folders ---

const pathOf = folder => (folder.isServer ? "" : `${pathOf(folder.parent)}/${folder.name}`.replace(/^\//, ""));
const listed = who => root(who).descendants.map(pathOf);
const folderOf = (who, path) => root(who).descendants.find(folder => pathOf(folder) == path);

/** Ask the server for all folders. */
async function folders(who, ...expected) {
  account(who).incomingServer.performExpand(msgWindow);
  await until(`folders ${expected}`, () => expected.every(path => listed(who).includes(path)));
  return listed(who).sort();
}

const pane = () => document.getElementById("tabmail").currentAbout3Pane;

/** Click on a folder. */
async function open(who, path) {
  const folder = await until(`folder ${path}`, () => folderOf(who, path));
  pane().folderTree.updateSelection(await until("row", () => pane().folderPane.getRowForFolder(folder.URI)));
  await until("folder shown", () => pane().gFolder?.URI == folder.URI && !pane().gViewWrapper?.folderLoading);
}

async function createFolder(who, parent, name) {
  (parent ? folderOf(who, parent) : root(who)).createSubfolder(name, msgWindow);
  const path = parent ? `${parent}/${name}` : name;
  return pathOf(await until(`new folder ${path}`, () => folderOf(who, path)));
}

async function renameFolder(who, path, name) {
  const parent = pathOf(folderOf(who, path).parent);
  folderOf(who, path).rename(name, msgWindow);
  const renamed = parent ? `${parent}/${name}` : name;
  return pathOf(await until(`renamed folder ${renamed}`, () => folderOf(who, renamed)));
}

/** "Delete", and "Yes" to the question. */
async function deleteFolder(who, path) {
  const folder = folderOf(who, path);
  setTimeout(() => folder.deleteSelf(msgWindow)); // it waits for the answer
  (await until("question", () => dialog("commonDialog"))).accept();
  await until("folder deleted", () => !folderOf(who, path));
}

// --- messages ---

/** A message, by its subject or its UID. */
const message = (who, path, which) =>
  [...(folderOf(who, path)?.messages ?? [])].find(each => [each.mime2DecodedSubject, each.messageKey].includes(which));
const found = (who, path, which) => until(`message ${which} in ${path}`, () => message(who, path, which));

/** Subjects and flags of a folder. */
const overview = (who, path) =>
  Object.fromEntries(
    [...folderOf(who, path).messages].map(each => [each.mime2DecodedSubject, { read: each.isRead, flagged: each.isFlagged }])
  );

/** Click on a message, and return what is on the screen. */
async function read(who, path, which) {
  const header = await found(who, path, which);
  await until("row", () => {
    pane().selectMessage(header);
    return pane().gDBView?.numSelected == 1 && pane().gDBView.hdrForFirstSelectedMessage == header;
  });
  const shown = pane().messageBrowser.contentWindow;
  await until("message shown", () => shown.msgLoaded && shown.gMessage == header);
  const text = shown.getMessagePaneBrowser().contentDocument.body.innerText;
  const words = id => shown.document.getElementById(id)?.textContent.trim() ?? "";
  return {
    subject: words("expandedsubjectBox"),
    from: words("expandedfromBox"),
    text,
    attachments: shown.currentAttachments.map(each => ({ name: each.name, type: each.contentType })),
  };
}

/** What is in an attachment when it is opened: as much as an attached message shows in its own window. */
async function attachment(index) {
  const shown = pane().messageBrowser.contentWindow;
  const { url } = shown.currentAttachments[index];
  const { NetUtil } = ChromeUtils.importESModule("resource://gre/modules/NetUtil.sys.mjs");
  const channel = NetUtil.newChannel({ uri: url, loadUsingSystemPrincipal: true });
  return new Promise((resolve, reject) =>
    NetUtil.asyncFetch(channel, (stream, status) =>
      Components.isSuccessCode(status)
        ? resolve(stream.available() ? NetUtil.readInputStreamToString(stream, stream.available(), { charset: "UTF-8" }) : "")
        : reject(new Error(status.toString(16)))
    )
  );
}

async function flag(who, path, which, yes) {
  folderOf(who, path).markMessagesFlagged([await found(who, path, which)], yes);
}

/** A tag of the user's own. Returns the keyword that stands for it. */
async function tag(who, path, which, word) {
  MailServices.tags.addTag(word, "#0000FF", "");
  const keyword = MailServices.tags.getKeyForTag(word);
  folderOf(who, path).addKeywordsToMessages([await found(who, path, which)], keyword);
  return keyword;
}

/** What another session did is seen here without asking: the folder is open, so Thunderbird idles in it. */
const seesFlag = (who, path, which) => until("flag of another", () => message(who, path, which)?.isFlagged);
const sees = async (who, path, which) => Boolean(await found(who, path, which));
const seesGone = (who, path, which) => until("gone", () => !message(who, path, which));

async function move(who, path, which, target) {
  const [one, there] = [await found(who, path, which), folderOf(who, target)];
  await done(listener => MailServices.copy.copyMessages(one.folder, [one], there, true, listener, msgWindow, true));
  await seesGone(who, path, which);
}

/** "Delete": into the Trash. */
async function remove(who, path, which) {
  const one = await found(who, path, which);
  await done(listener => one.folder.deleteMessages([one], msgWindow, false, false, listener, true));
  await seesGone(who, path, which);
}

/** "Empty Trash", and "Compact". */
const emptyTrash = (who, trash) => done(listener => folderOf(who, trash).emptyTrash(listener));
const compact = (who, path) => done(listener => folderOf(who, path).compact(listener, msgWindow));

/** "Search Messages", run on the server. */
async function search(who, path, attribute, word) {
  const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
  session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, folderOf(who, path));
  const term = session.createTerm();
  term.attrib = Ci.nsMsgSearchAttrib[attribute];
  term.op = Ci.nsMsgSearchOp.Contains;
  const value = term.value;
  value.attrib = term.attrib;
  value.str = word;
  term.value = value;
  session.appendTerm(term);
  const hits = [];
  await new Promise((resolve, reject) => {
    session.registerListener({
      QueryInterface: ChromeUtils.generateQI(["nsIMsgSearchNotify"]),
      onSearchHit: header => hits.push(header.mime2DecodedSubject),
      onSearchDone: status => (Components.isSuccessCode(status) ? resolve() : reject(new Error(status.toString(16)))),
      onNewSearch() {},
    });
    session.search(msgWindow);
  });
  return hits.sort();
}

// --- writing ---

/**
 * Write a letter in the compose window and send it; `receipt`: "Delivery Status Notification"; `file`: the path of an attachment. Returns what
 * the user is told; "" if it went.
 */
async function send(who, to, subject, text, { receipt = false, file = "" } = {}) {
  const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
  Object.assign(fields, { to, subject, body: text });
  if (file) {
    const attached = Cc["@mozilla.org/messengercompose/attachment;1"].createInstance(Ci.nsIMsgAttachment);
    Object.assign(attached, { name: PathUtils.filename(file), url: PathUtils.toFileURI(file) });
    fields.addAttachment(attached);
  }
  const parameters = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
  Object.assign(parameters, {
    type: Ci.nsIMsgCompType.New,
    format: Ci.nsIMsgCompFormat.PlainText,
    identity: account(who).defaultIdentity,
    composeFields: fields,
  });
  MailServices.compose.OpenComposeWindowWithParams(null, parameters);
  const compose = await until("compose window", () => Services.wm.getMostRecentWindow("msgcompose"));
  await until("editor", () => compose.gMsgCompose?.editor?.document?.body?.innerText.includes(text.split("\n")[0]));
  compose.gMsgCompose.compFields.DSN = receipt;
  compose.GenericSendMessage(Ci.nsIMsgCompDeliverMode.Now);
  const told = await until("sent", () => (compose.closed ? { text: "" } : dialog("commonDialog")));
  if (told.text) {
    told.close();
    compose.gMsgCompose.bodyModified = compose.gContentChanged = false;
    await until("compose window closed", () => compose.closed || compose.close()); // it does not close while it still sends
  }
  return told.text;
}

/** A dialog that is on the screen: what it says, and how to dismiss it. */
function dialog(name) {
  const shown = [...Services.wm.getEnumerator(null)].find(each => each.location.href.endsWith(`${name}.xhtml`));
  return shown?.document.readyState == "complete"
    ? { text: shown.document.getElementById("infoBody")?.textContent ?? shown.document.title, close: () => shown.close(), accept: () => shown.document.querySelector("dialog").acceptDialog() }
    : null;
}

/** What the user is told when the account is set up with a certificate that nobody vouches for, and "Cancel" is clicked. */
async function distrust(who, incoming, outgoing) {
  const refused = addAccount(who, incoming, outgoing).then(
    () => "",
    error => error.message
  );
  const question = await until("question", () => dialog("exceptionDialog"));
  question.close();
  return refused;
}

/** "Get Messages" of POP3, into the local folder. */
async function getMail(who) {
  const { incomingServer } = account(who);
  await done(listener => MailServices.pop3.GetNewMail(msgWindow, listener, incomingServer.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox), incomingServer.QueryInterface(Ci.nsIPop3IncomingServer)));
  return Object.keys(overview(who, "Inbox")).sort();
}

Object.assign(globalThis, {
  thunderbird: { trust, guess, addAccount, removeAccount, folders, open, createFolder, renameFolder, deleteFolder, overview, read, attachment, flag, tag, seesFlag, sees, seesGone, move, remove, emptyTrash, compact, search, send, distrust, getMail, alerts: () => alerts.splice(0) },
});
