package ui

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
)

// server holds what the handlers share.
type server struct {
	Config
	assets assets
}

// New returns the handler of all pages, their assets and the live feed. It fails with code invalid when something
// required is missing.
func New(c Config) (http.Handler, error) {
	for name, missing := range map[string]bool{
		"Catalog": c.Catalog == nil, "Graph": c.Graph == nil, "Telemetry": c.Telemetry == nil, "Detect": c.Detect == nil,
		"Page": c.Page == nil, "Respond": c.Respond == nil, "Remediate": c.Remediate == nil, "Events": c.Events == nil,
		"Changed": c.Changed == nil, "Auth": c.Auth == nil,
	} {
		if missing {
			return nil, errs.New(errs.Invalid, "the web pages need %s", name)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a, err := loadAssets()
	if err != nil {
		return nil, fmt.Errorf("load assets of the web pages: %w", err)
	}
	s := &server{Config: c, assets: a}
	mux := http.NewServeMux()
	s.routes(mux)
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, errs.New(errs.Denied, "this form came from another site and was refused"))
	}))
	return s.around(guard.Handler(mux)), nil
}

// routes registers every page in the order of the loop. get and do ask for a signed-in user; open does not.
func (s *server) routes(mux *http.ServeMux) {
	get := func(path string, p pageFunc) { mux.HandleFunc("GET "+path, s.signedIn(s.show(p))) }
	do := func(path string, a actFunc) { mux.HandleFunc("POST "+path, s.signedIn(s.act(a))) }
	open := func(path string, p pageFunc) { mux.HandleFunc("GET "+path, s.anybody(s.show(p))) }

	get("/{$}", s.nowPage)

	get("/incidents", s.incidentsPage)
	get("/incidents/new", s.declarePage)
	do("/incidents", s.doDeclare)
	get("/incidents/{id}", s.roomPage)
	do("/incidents/{id}/note", s.doNote)
	do("/incidents/{id}/command", s.doCommand)
	do("/incidents/{id}/resolve", s.doResolve)
	do("/incidents/{id}/run", s.doStartRun)
	do("/incidents/{id}/postmortem", s.doAskPostmortem)
	do("/incidents/{id}/role", s.doRole)
	do("/incidents/{id}/call", s.doCallRole)
	do("/incidents/{id}/handoff", s.doHandOver)

	get("/handoffs", s.handoffsPage)
	do("/handoffs/{id}/accept", s.handoffAct(s.doAccept))
	do("/handoffs/{id}/end", s.handoffAct(s.doEndHandoff))
	do("/handoffs/{id}/document", s.handoffAct(s.doDocument))
	do("/handoffs/{id}/ask", s.handoffAct(s.doAsk))
	do("/handoffs/{id}/questions/{n}/answer", s.handoffAct(s.doReply))

	get("/alerts", s.alertsPage)
	get("/alerts/{id}", s.alertPage)
	get("/heartbeats", s.heartbeatsPage)
	do("/heartbeats", s.doMakeHeartbeat)
	get("/heartbeats/{name}", s.heartbeatPage)
	do("/heartbeats/{name}/ping", s.doPingHeartbeat)
	do("/heartbeats/{name}/drop", s.doDropHeartbeat)
	mux.HandleFunc("POST /heartbeats/{name}/address", s.signedIn(s.show(s.heartbeatAddress)))
	get("/integrations", s.integrationsPage)
	mux.HandleFunc("POST /integrations", s.signedIn(s.show(s.addIntegration)))
	get("/integrations/{name}", s.integrationPage)
	mux.HandleFunc("POST /integrations/{name}/try", s.signedIn(s.show(s.tryPayload)))
	get("/silences", s.silencesPage)
	do("/silences", s.doSilence)
	do("/slos/{name}/exclude", s.doExclude)
	do("/slos/{name}/exclusions/{id}", s.doDecideExclusion)
	do("/silences/{id}/end", s.doUnsilence)

	get("/map", s.mapPage)
	get("/services", s.servicesPage)
	get("/services/{name}", s.servicePage)
	get("/services/{name}/profile", s.profilePage)
	get("/traces", s.tracesPage)
	get("/traces/{id}", s.tracePage)
	get("/logs", s.logsPage)

	get("/slos", s.slosPage)
	get("/slos/{name}", s.sloPage)

	get("/oncall", s.oncallPage)
	get("/oncall/contacts", s.contactsPage)
	mux.HandleFunc("POST /oncall/contacts/{person}", s.signedIn(s.show(s.checkContacts)))
	do("/oncall/readiness", s.doCheckEveryone)
	do("/oncall/contacts/{person}/confirm", s.doConfirm)
	open("/confirm/{token}", s.confirmPage)
	mux.HandleFunc("POST /confirm/{token}", s.anybody(s.show(s.confirmByToken)))
	do("/oncall/schedules/{schedule}/override", s.doOverride)
	do("/oncall/schedules/{schedule}/cover", s.doCover)
	do("/oncall/schedules/{schedule}/swap", s.doSwap)
	do("/oncall/schedules/{schedule}/calendar", s.doRenewScheduleCalendar)
	do("/oncall/swaps/{id}/take", s.doTakeSwap)
	do("/oncall/swaps/{id}/refuse", s.doRefuseSwap)
	do("/oncall/swaps/{id}/cancel", s.doCancelSwap)
	do("/oncall/overrides/{id}/cancel", s.doCancelOverride)
	do("/oncall/covers/{id}/take", s.doTakeCover)
	do("/oncall/covers/{id}/cancel", s.doCancelCover)
	get("/people/{name}", s.personPage)
	get("/teams", s.teamsPage)
	get("/teams/{name}", s.teamPage)
	get("/shadow", s.shadowPage)
	mux.HandleFunc("GET /shadow/report.md", s.signedIn(s.shadowMarkdown))
	do("/people/{name}/calendar", s.doRenewCalendar)
	do("/people/{name}/test", s.doTestContact)
	do("/people/{name}/devices/drop", s.doDropDevice)
	mux.HandleFunc("GET /calendar/{token}", s.calendar)
	get("/policies/{name}", s.policyPage)
	get("/tickets", s.ticketsPage)
	do("/tickets/{id}/take", s.doTakeTicket)
	do("/tickets/{id}/done", s.doEndTicket)
	get("/pages/{id}", s.pagePage)
	do("/pages/{id}/ack", s.doAck)
	open("/ack/{token}", s.ackPage)
	mux.HandleFunc("POST /ack/{token}", s.anybody(s.show(s.ackByToken)))

	get("/runbooks", s.runbooksPage)
	get("/runbooks/{name}", s.runbookPage)
	get("/runs/{id}", s.runPage)
	do("/runs/{id}/approvals/{seq}", s.doDecide)
	do("/runs/{id}/steps/{seq}/settle", s.doSettle)

	get("/experiments", s.experimentsPage)
	get("/experiments/{id}", s.experimentPage)
	do("/experiments/{id}/start", s.doStartExperiment)
	do("/experiments/runs/{run}/kill", s.doKill)
	get("/postmortems", s.postmortemsPage)
	get("/postmortems/{id}", s.postmortemPage)
	do("/postmortems/{id}/edit", s.doEditPostmortem)
	do("/postmortems/{id}/publish", s.doPublish)
	do("/items/{id}/end", s.doEndItem)

	get("/accounts", s.accountsPage)
	mux.HandleFunc("POST /accounts", s.signedIn(s.show(s.addAccount)))
	mux.HandleFunc("POST /accounts/{name}/invite", s.signedIn(s.show(s.inviteAccount)))
	do("/accounts/{name}/role", s.onAccount(s.doAccountRole))
	do("/accounts/{name}/disable", s.onAccount(s.doDisableAccount))
	do("/accounts/{name}/enable", s.onAccount(s.doEnableAccount))
	do("/accounts/{name}/end-sessions", s.onAccount(s.doEndSessions))
	get("/settings/tokens", s.tokensPage)
	mux.HandleFunc("POST /settings/tokens", s.signedIn(s.show(s.createToken)))
	do("/settings/tokens/{id}/drop", s.doDropToken)

	open("/welcome/{secret}", s.welcomePage)
	mux.HandleFunc("POST /welcome/{secret}", s.anybody(s.setPassword))
	open("/login", s.loginPage)
	mux.HandleFunc("POST /login", s.anybody(s.signIn))
	mux.HandleFunc("POST /logout", s.anybody(s.signOut))
	mux.HandleFunc("POST /theme", s.anybody(s.setTheme))
	open("/design", s.designPage)

	mux.HandleFunc("GET /live", s.signedIn(s.live))
	mux.HandleFunc("GET /x/red/{service}", s.signedIn(s.redData))
	mux.HandleFunc("GET /x/budget/{name}", s.signedIn(s.budgetData))
	mux.HandleFunc("GET /x/map", s.signedIn(s.mapData))
	mux.Handle("GET /static/", s.assets)
	mux.HandleFunc("GET /push-worker.js", s.pushWorker)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.assets.url("icon.svg"), http.StatusFound)
	})
	mux.HandleFunc("/", s.anybody(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, errs.New(errs.NotFound, "there is no page at %s", r.URL.Path))
	}))
}

// policy forbids everything that does not come from this server.
const policy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// around sets the headers of every answer and turns a panic into an error page.
func (s *server) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.Log.Error("panic in a page", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			s.fail(w, r, errs.New(errs.Internal, "this page is broken; the log of the server has the reason"))
		}()
		next.ServeHTTP(w, s.withShell(r))
	})
}

// actFunc does what a form asks for and returns the path to show afterwards.
type actFunc func(r *http.Request) (next string, err error)

// act wraps an order: viewers are refused, forms are bounded, and the answer suits both a browser and htmx.
func (s *server) act(a actFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !shellOf(r.Context()).User.CanAct() {
			s.fail(w, r, errs.New(errs.Denied, "you may look but not act: your role is viewer"))
			return
		}
		if err := readForm(w, r); err != nil {
			s.fail(w, r, err)
			return
		}
		next, err := a(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if isPart(r) {
			if next != "" && !samePage(r, next) {
				w.Header().Set("HX-Redirect", next)
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if next == "" {
			next = "/"
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

// maxForm bounds what a form may send.
const maxForm = 64 << 10

func readForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return errs.Wrap(err, errs.Invalid, "the form cannot be read, or is larger than 64 KB")
	}
	return nil
}

// isPart reports whether the request was made by a page in place, rather than by following a link.
func isPart(r *http.Request) bool { return r.Header.Get("HX-Request") != "" }

func samePage(r *http.Request, next string) bool {
	at := r.Header.Get("HX-Current-URL")
	if i := strings.Index(at, "://"); i >= 0 {
		at = at[i+3:]
		if j := strings.IndexByte(at, '/'); j >= 0 {
			at = at[j:]
		}
	}
	at, _, _ = strings.Cut(at, "#")
	at, _, _ = strings.Cut(at, "?")
	next, _, _ = strings.Cut(next, "#")
	return at == next
}

// statusOf maps an error to the status of the answer.
func statusOf(err error) int {
	switch errs.CodeOf(err) {
	case errs.Invalid:
		return http.StatusUnprocessableEntity
	case errs.NotFound:
		return http.StatusNotFound
	case errs.Conflict:
		return http.StatusConflict
	case errs.Denied:
		return http.StatusForbidden
	case errs.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// fail answers with an error page, or with a message at the edge of the page that asked.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if status == http.StatusInternalServerError {
		s.Log.Error("page failed", "path", r.URL.Path, "error", err)
	}
	if isPart(r) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		s.write(w, r, toastPart(errs.Message(err)))
		return
	}
	s.page(w, r, status, view{Title: errorTitle(status), Body: errorBody(status, errs.Message(err))})
}

func errorTitle(status int) string {
	switch status {
	case http.StatusNotFound:
		return "Not here"
	case http.StatusForbidden:
		return "Not allowed"
	case http.StatusServiceUnavailable:
		return "Not available"
	case http.StatusConflict:
		return "Not possible any more"
	case http.StatusUnprocessableEntity:
		return "Not understood"
	}
	return "Something broke"
}
