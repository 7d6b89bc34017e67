package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"nightkeeper/internal/edge/auth"
	"nightkeeper/internal/edge/web/ui"
)

// pages returns the handler of the web pages.
func (a *App) pages() (http.Handler, error) {
	p := a.phases
	return ui.New(ui.Config{
		PushKey: a.pushPublic(), Shadow: a.opts.Shadow,
		Catalog: a.Catalog, Graph: a.graph, Telemetry: a.host, Detect: p.detect, Page: p.page, Respond: p.respond, Remediate: p.remediate,
		Learn: p.learn, Prevent: p.prevent, Deploys: a.db.Deploys, Events: a.db.Events, Changed: a.db.Changed, Health: a.health,
		Auth: pageAuth{a.auth}, Welcome: a.auth, Accounts: accountPages{accountAPI{a}}, Now: a.opts.Now, Log: a.opts.Log, Secure: strings.HasPrefix(a.opts.BaseURL, "https://"),
	})
}

func (a *App) health() []ui.HealthLine {
	var out []ui.HealthLine
	s := a.status(context.Background())
	for _, l := range s.Parts {
		out = append(out, ui.HealthLine{Name: l.Name, OK: l.OK, Burns: l.Name == "watchdog" && !l.OK, Text: l.Text})
	}
	const most = 5 // a cause that fails often fails everything
	for i, l := range s.Failing {
		if i == most {
			out = append(out, ui.HealthLine{Name: "more", Text: fmt.Sprintf("%d others fail; nightkeeper status has them all", len(s.Failing)-most)})
			break
		}
		out = append(out, ui.HealthLine{Name: l.Kind, Text: failingText(l)})
	}
	return out
}

// pageAuth is auth as the pages see it.
type pageAuth struct{ *auth.Service }

func (p pageAuth) SignIn(ctx context.Context, name, password, remote string) (string, time.Time, error) {
	return p.Service.SignIn(ctx, name, password, remote)
}

func (p pageAuth) Who(ctx context.Context, secret string) (ui.User, error) {
	u, err := p.Service.Who(ctx, secret)
	return ui.User{Name: u.Name, Role: u.Role}, err
}

func (p pageAuth) CreateToken(ctx context.Context, by ui.User, name, scope string) (string, error) {
	return p.Service.CreateToken(ctx, auth.User{Name: by.Name, Role: by.Role}, name, scope)
}

func (p pageAuth) Tokens(ctx context.Context) ([]ui.TokenInfo, error) {
	ts, err := p.Service.Tokens(ctx)
	var out []ui.TokenInfo
	for _, t := range ts {
		out = append(out, ui.TokenInfo{ID: t.ID, Name: t.Name, Account: t.Account, Scope: t.Scope, Created: t.Created, Used: t.Used})
	}
	return out, err
}
