package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	httpaction "nightkeeper/internal/edge/action/http"
	"nightkeeper/internal/edge/auth"
	"nightkeeper/internal/edge/channel/webpush"
	"nightkeeper/internal/edge/intake/otlp"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/telemetry"
	"nightkeeper/internal/edge/web"
	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/life"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
	"nightkeeper/internal/loop/remediate"
)

// App is the whole program. New checks the options, Start runs it, Stop ends it and may be called twice.
type App struct {
	opts    Options
	group   life.Group
	cat     atomic.Pointer[catalog.Catalog]
	unread  atomic.Pointer[failedReload] // the last reload, when it failed
	started time.Time
	key     []byte // signs acknowledge links and webhooks

	lock   *os.File
	db     *store.DB
	host   *telemetry.Host
	rollup *telemetry.Rollup
	graph  *graph.Live
	auth   *auth.Service
	action *httpaction.Action
	ask    *ask.Client // of channels
	keys   *webhookKeys

	pushKey webpush.Key
	otlp    *otlp.Server
	web     *web.Server
	phases  phases

	channels []page.Channel
	clock    *store.Clock
	apart    atomic.Int64 // by how much the clock of another server is ahead; a time.Duration
	differs  atomic.Bool  // whether only some of the servers run as a shadow
	swept    atomic.Bool  // whether faults of an earlier life are gone
}

// New checks the options and returns a program that does not run yet.
func New(o Options) (*App, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	return &App{opts: o, graph: graph.New()}, nil
}

// Start brings every part up in order. When it fails, Stop still has to be called.
func (a *App) Start(ctx context.Context) error {
	a.started = a.opts.Now()
	for _, p := range []life.Part{
		{Name: "data directory", Start: a.openData, Stop: a.closeData},
		{Name: "catalog", Start: func(context.Context) error { return a.Reload() }},
		{Name: "store", Start: a.openStore, Stop: func(context.Context) error { return a.db.Close() }},
		{Name: "telemetry engine", Start: a.startTelemetry, Stop: a.stopTelemetry},
		{Name: "accounts", Start: a.openAccounts},
		{Name: "phases", Start: a.buildPhases, Stop: a.stopPhases},
		{Name: "memory of the last hour", Start: a.restore},
	} {
		if err := a.group.Start(ctx, p); err != nil {
			return err
		}
	}
	// Messages have links to the pages: what sends them starts when it is known where those are.
	for _, p := range append(a.servers(), a.loops()...) {
		if err := a.group.Start(ctx, p); err != nil {
			return err
		}
	}
	if a.opts.Shadow {
		a.opts.Log.Warn("this server runs as a shadow: it pages nobody")
	}
	a.opts.Log.Info("nightkeeper is ready", "pages", a.URL(), "otlp_grpc", a.GRPCAddr().String(), "otlp_http", a.otlp.HTTPAddr().String(),
		"store", a.db.Dialect(), "started_in", time.Since(a.started).Round(time.Millisecond))
	return nil
}

// Stop ends every part, the newest first.
func (a *App) Stop(ctx context.Context) error { return a.group.Stop(ctx) }

// URL returns where the pages and the API are, as this machine reaches them.
func (a *App) URL() string { return "http://" + a.web.Addr().String() }

// GRPCAddr returns where OTLP over gRPC is taken.
func (a *App) GRPCAddr() net.Addr { return a.otlp.Addr() }

// OTLPAddr returns where OTLP over HTTP is taken.
func (a *App) OTLPAddr() net.Addr { return a.otlp.HTTPAddr() }

// BaseURL returns how people reach the pages.
func (a *App) BaseURL() string {
	if a.opts.BaseURL != "" {
		return a.opts.BaseURL
	}
	return a.URL()
}

// Catalog returns the catalog in force.
func (a *App) Catalog() *catalog.Catalog { return a.cat.Load() }

// Reload reads the catalog again. A bad one replaces nothing, and the error lists every mistake; the status says so until a
// reload works.
func (a *App) Reload() error {
	err := a.reload()
	if err == nil {
		a.unread.Store(nil)
		return nil
	}
	a.unread.Store(&failedReload{a.opts.Now(), errs.Message(err)})
	return err
}

// BadCatalog is a catalog with mistakes.
type BadCatalog struct {
	Dir      string
	Mistakes []catalog.Problem
}

// mostMistakes bounds how many mistakes are shown at once: one wrong name may be thousands of them.
const mostMistakes = 20

// Error returns the first mistakes, a line each, and how many more there are.
func (b BadCatalog) Error() string {
	var out strings.Builder
	out.WriteString("the catalog is not good:")
	for _, p := range b.Mistakes[:min(len(b.Mistakes), mostMistakes)] {
		p.File = filepath.Join(b.Dir, p.File)
		fmt.Fprintf(&out, "\n%s", p)
	}
	if more := len(b.Mistakes) - mostMistakes; more > 0 {
		fmt.Fprintf(&out, "\nand %d more; nightkeeper validate %s has all of them", more, b.Dir)
	}
	return out.String()
}

// failedReload is when the catalog was not read, and why.
type failedReload struct {
	at  time.Time
	why string
}

func (a *App) reload() error {
	c, problems := catalog.Load(os.DirFS(a.opts.CatalogDir))
	problems = append(problems, remediate.CheckRunbooks(c)...)
	problems = append(problems, slo.Lint(c)...)
	problems = append(problems, rota.Check(c, a.opts.Now())...)
	problems = append(problems, page.Lint(c, a.opts.channels.Works(a.opts.SMTP.Host != ""), a.opts.Now())...)
	bad := catalog.Errors(problems)
	for _, p := range problems {
		if p.Warning {
			a.opts.Log.Warn("catalog", "problem", p.String())
		}
	}
	if len(bad) > 0 {
		return errs.Wrap(BadCatalog{a.opts.CatalogDir, bad}, errs.Invalid, "the catalog is not good; the first of its mistakes (%d in all): %s", len(bad), bad[0])
	}
	a.cat.Store(c)
	a.warnUnreachable()
	a.opts.Log.Info("catalog in force", "hash", c.Hash[:12], "services", len(c.Services), "slos", len(c.SLOs), "runbooks", len(c.Runbooks))
	return nil
}

// openData makes the data directory and keeps a second process out of it.
func (a *App) openData(context.Context) error {
	if err := os.MkdirAll(a.opts.DataDir, 0o700); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the data directory %s cannot be made", a.opts.DataDir)
	}
	f, err := os.OpenFile(filepath.Join(a.opts.DataDir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "the data directory %s cannot be written", a.opts.DataDir)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return errs.New(errs.Conflict, "another Nightkeeper uses the data directory %s", a.opts.DataDir)
	}
	a.lock = f
	return nil
}

func (a *App) closeData(context.Context) error { return a.lock.Close() }

func (a *App) openStore(ctx context.Context) error {
	db, err := store.Open(ctx, a.opts.dsn())
	if err != nil {
		return err
	}
	a.db = db
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this machine: %w", err)
	}
	a.clock = store.NewClock(db, host+":"+a.opts.DataDir)
	a.clock.Shadow = a.opts.Shadow
	if err := a.lookAtClock(ctx); err != nil {
		return err
	}
	if a.opts.DatabaseURL == "" {
		// The lock on the data directory says that no other process works on this database.
		if err := db.Update(ctx, func(t *store.Tx) error { return t.Unlease(ctx) }); err != nil {
			return fmt.Errorf("free leases: %w", err)
		}
	}
	// What was given up may have been mended while the program was away.
	if err := db.Update(ctx, func(t *store.Tx) error { return t.Revive(ctx, a.opts.Now()) }); err != nil {
		return fmt.Errorf("try again what was given up: %w", err)
	}
	key, err := db.Secret(ctx, "signing-key", id.Secret())
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	a.key = []byte(key)
	if a.pushKey, err = openPushKey(ctx, db); err != nil {
		return err
	}
	a.keys, err = openWebhookKeys(ctx, db, a.subkey("webhook"), a.opts.Now)
	return err
}

func (a *App) startTelemetry(ctx context.Context) (err error) {
	dir := filepath.Join(a.opts.DataDir, "telemetry")
	a.host, err = telemetry.NewHost(telemetry.HostConfig{Dir: dir, Retention: a.opts.Retention, MaxBytes: a.opts.MaxTelemetry,
		Command: a.opts.self(engineCommand), Log: a.opts.Log})
	if err != nil {
		return err
	}
	// A telemetry directory that cannot be written costs history, not pages.
	if a.rollup, err = telemetry.OpenRollup(filepath.Join(a.opts.DataDir, "recent")); err != nil {
		a.opts.Log.Error("the last hour will not be remembered over a restart", "error", err)
	}
	return a.host.Start(ctx)
}

func (a *App) stopTelemetry(ctx context.Context) error {
	err := a.host.Stop(ctx)
	if a.rollup != nil {
		err = errors.Join(err, a.rollup.Close())
	}
	return err
}

// restore reads the ledgers and the live picture back.
func (a *App) restore(ctx context.Context) error {
	if err := a.phases.detect.Restore(ctx, a.opts.Now()); err != nil {
		return fmt.Errorf("read ledgers: %w", err)
	}
	if err := a.phases.detect.Listen(ctx, a.opts.Now()); err != nil {
		return err
	}
	if a.rollup == nil {
		return nil
	}
	err := a.rollup.Load(a.opts.Now().Add(-graph.Keep*graph.Width), func(_ time.Time, b []byte) error { return a.graph.Restore(b) })
	if err != nil {
		a.opts.Log.Error("the last hour was not read back", "error", err)
	}
	return nil
}

// Files with secrets of the first start, readable by their owner only.
const (
	passwordFile = "first-password"
	tokenFile    = "cli-token"
)

// openAccounts makes the first account and a token for the command line on this machine.
func (a *App) openAccounts(ctx context.Context) error {
	a.auth = auth.New(accounts{a.db}, a.opts.Now, a.opts.Log)
	if err := a.firstAccount(ctx); err != nil {
		return err
	}
	path := filepath.Join(a.opts.DataDir, tokenFile)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	token, err := a.auth.CreateToken(ctx, auth.User{Name: "admin", Role: auth.Admin}, "command line on this machine", auth.All)
	if err != nil {
		return fmt.Errorf("first token: %w", err)
	}
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		return fmt.Errorf("write first token: %w", err)
	}
	return nil
}

// firstAccount makes the first account. Its password is in its file before the account exists: a start that is broken
// off in between locks nobody out.
func (a *App) firstAccount(ctx context.Context) error {
	path := filepath.Join(a.opts.DataDir, passwordFile)
	password := a.opts.AdminPassword
	if password == "" {
		some, err := a.auth.Any(ctx)
		if err != nil || some {
			return err
		}
		password = id.Secret()[:20]
		if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
			return fmt.Errorf("write first password: %w", err)
		}
	}
	_, made, err := a.auth.First(ctx, "admin", password)
	if err != nil {
		return fmt.Errorf("first account: %w", err)
	}
	if made && a.opts.AdminPassword == "" {
		a.opts.Log.Info("first start: sign in as admin; the password is in a file", "file", path)
	}
	return nil
}

// recordDeploy keeps a deploy and says so in the log of facts.
func (a *App) recordDeploy(ctx context.Context, d observe.Deploy, by string) (observe.Deploy, error) {
	now := a.opts.Now()
	if d.Service == "" || d.Version == "" {
		return d, errs.New(errs.Invalid, "a deploy has a service and a version")
	}
	if d.At.IsZero() {
		d.At = now
	}
	d.ID = id.New("dep", now)
	err := a.db.Update(ctx, func(t *store.Tx) error {
		if err := t.SaveDeploy(ctx, d); err != nil {
			return err
		}
		e := event.New(observe.KindDeployed, now, by, d.ID, fmt.Sprintf("%s %s was deployed (commit %s by %s)", d.Service, d.Version, d.Commit, d.Author), d)
		e.Service = d.Service
		return t.Append(ctx, e)
	})
	return d, err
}
