package app

import (
	"context"
	"net/http"

	"nightkeeper/internal/edge/intake/alertmanager"
	"nightkeeper/internal/edge/intake/heartbeat"
	"nightkeeper/internal/edge/intake/opsgenie"
	"nightkeeper/internal/edge/intake/pagerduty"
	"nightkeeper/internal/edge/intake/webhook"
	"nightkeeper/internal/kit/door"
)

// intake returns what takes alerts of other systems in, by the path that it is mounted under.
func (a *App) intake() map[string]http.Handler {
	d := door.New(door.Config{Who: a.integration, Now: a.opts.Now})
	p, now, log := a.phases, a.opts.Now, a.opts.Log
	hooks := webhook.New(webhook.Config{Door: d, Detect: p.detect, Catalog: a.Catalog, Now: now, Log: log})
	out := map[string]http.Handler{
		heartbeat.Prefix: heartbeat.New(heartbeat.Config{Door: d, Detect: p.detect, Now: now, Log: log}),
		webhook.Prefix:   hooks, webhook.OnCall: hooks,
		pagerduty.Prefix:    pagerduty.New(pagerduty.Config{Door: d, Detect: p.detect, Catalog: a.Catalog, Deploy: a.recordDeploy, Now: now, Log: log}),
		alertmanager.Prefix: alertmanager.New(alertmanager.Config{Door: d, Detect: p.detect, Catalog: a.Catalog, Ready: a.ready, Now: now, Log: log, Version: a.opts.Version}),
	}
	genie := opsgenie.New(opsgenie.Config{Door: d, Detect: p.detect, Catalog: a.Catalog, Now: now, Log: log})
	for _, path := range opsgenie.Paths {
		out[path] = genie
	}
	return out
}

// integration says who sends with a token: the name of the token is the name of the integration.
func (a *App) integration(ctx context.Context, secret string) (door.Caller, error) {
	u, err := a.auth.Bearer(ctx, secret)
	return door.Caller{Integration: u.Token, May: u.May}, err
}
