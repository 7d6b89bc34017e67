package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"nightkeeper/internal/edge/auth"
	"nightkeeper/internal/edge/intake/otlp"
	"nightkeeper/internal/edge/web"
	"nightkeeper/internal/edge/web/api"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/life"
)

// sessionCookie is the name of the cookie that the pages set.
const sessionCookie = "nightkeeper_session"

// servers returns the parts that listen.
func (a *App) servers() []life.Part {
	return []life.Part{
		{Name: "otlp", Start: a.startOTLP, Stop: func(ctx context.Context) error { return a.otlp.Stop(ctx) }},
		{Name: "web", Start: a.startWeb, Stop: func(ctx context.Context) error { return a.web.Stop(ctx) }},
	}
}

// startOTLP listens for telemetry. On a loopback address it is open, as collectors are; elsewhere it wants a token with
// the scope intake.
func (a *App) startOTLP(ctx context.Context) (err error) {
	cfg := otlp.Config{GRPCAddr: a.opts.GRPCAddr, HTTPAddr: a.opts.OTLPAddr, Log: a.opts.Log,
		Sink: sink{a.phases.detect, a.graph, a.host, a.opts.Now}}
	if !onlyHere(a.opts.GRPCAddr) || !onlyHere(a.opts.OTLPAddr) {
		cfg.Authorize = a.intakeToken
	}
	if a.otlp, err = otlp.New(cfg); err != nil {
		return err
	}
	return a.otlp.Start(ctx)
}

func (a *App) intakeToken(token string) error {
	u, err := a.auth.Bearer(context.Background(), token)
	if err != nil {
		return err
	}
	if !u.May(auth.Intake) {
		return errs.New(errs.Denied, "this needs a token with the scope intake")
	}
	return nil
}

func (a *App) startWeb(ctx context.Context) error {
	p := a.phases
	handler := api.New(api.Config{
		PushKey: a.pushPublic(), WebhookKeys: a.keys.get, RotateWebhookKey: a.keys.rotate,
		Catalog: a.Catalog, Graph: a.graph, Telemetry: a.host, Detect: p.detect, Page: p.page, Respond: p.respond, Remediate: p.remediate,
		Learn: p.learn, Prevent: p.prevent, Deploys: a.db.Deploys, Deploy: a.recordDeploy, Events: a.db.Events, Changed: a.db.Changed,
		Status: a.status, Accounts: accountAPI{a}, Who: a.who, Now: a.opts.Now, Log: a.opts.Log, Version: a.opts.Version,
	})
	pages, err := a.pages()
	if err != nil {
		return err
	}
	a.web = web.New(web.Config{Addr: a.opts.HTTPAddr, API: handler, UI: pages, Intake: a.intake(), Callbacks: a.callbacks(), Ready: a.ready, Detail: a.detail, Log: a.opts.Log})
	return a.web.Start(ctx)
}

// who finds the caller of an API request: a bearer token, or the session of the pages.
func (a *App) who(r *http.Request) (api.User, error) {
	if secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		u, err := a.auth.Bearer(r.Context(), strings.TrimSpace(secret))
		return api.User{Name: u.Name, May: u.May}, err
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return api.User{}, errs.New(errs.Denied, "please sign in")
	}
	u, err := a.auth.Who(r.Context(), c.Value)
	return api.User{Name: u.Name, May: u.May}, err
}

// ready reports whether alerts would become pages: the store answers. The telemetry engine may be away.
func (a *App) ready(ctx context.Context) error {
	_, err := a.phases.page.Live(ctx)
	return err
}

// status says how every part is.
func (a *App) status(ctx context.Context) api.Status {
	s := api.Status{Version: a.opts.Version, StartedAt: a.started, Database: a.db.Dialect(), Catalog: a.Catalog().Hash,
		Services: len(a.graph.Services(a.opts.Now())), Shadow: a.opts.Shadow}
	line := func(name string, ok bool, text string) {
		s.Parts = append(s.Parts, api.PartLine{Name: name, OK: ok, Text: text})
	}
	if err := a.ready(ctx); err != nil {
		line("store", false, errs.Message(err))
	} else {
		line("store", true, "answers")
	}
	if f := a.unread.Load(); f != nil {
		line("catalog", false, "the reload at "+f.at.UTC().Format("2 Jan 15:04:05 UTC")+" failed, and the one before stays in force: "+f.why)
	} else {
		line("catalog", true, fmt.Sprintf("in force: %d services, %d people", len(a.Catalog().Services), len(a.Catalog().People)))
	}
	if ended := a.otlp.Ended(); len(ended) > 0 {
		line("telemetry intake", false, strings.Join(ended, "; ")+"; restart the server")
	} else {
		line("telemetry intake", true, "listens on "+a.GRPCAddr().String()+" (gRPC) and "+a.OTLPAddr().String()+" (HTTP)")
	}
	if text, ok := a.clockText(); !ok {
		line("clock", ok, text)
	}
	s.Watchdog = a.phases.watchdog.Health()
	if a.differs.Load() {
		line("shadow", false, someShadows)
	}
	line("watchdog", s.Watchdog.LostAt.IsZero(), watchdogText(s.Watchdog, a.opts.Watchdog))
	h := a.host.Health()
	line("telemetry engine", h.Ready, engineText(h))
	var err error
	if s.Failing, err = a.failing(ctx); err != nil {
		line("work that failed", false, errs.Message(err))
	}
	return s
}
