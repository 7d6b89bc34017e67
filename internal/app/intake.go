package app

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"nightkeeper/internal/edge/auth"
	"nightkeeper/internal/edge/intake/alertmanager"
	"nightkeeper/internal/edge/intake/gate"
	"nightkeeper/internal/edge/intake/heartbeat"
	"nightkeeper/internal/edge/intake/opsgenie"
	"nightkeeper/internal/edge/intake/pagerduty"
	"nightkeeper/internal/edge/intake/webhook"
	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// intake returns what takes alerts and questions of other systems in, by the path that it is mounted under.
func (a *App) intake() map[string]http.Handler {
	p, now, log := a.phases, a.opts.Now, a.opts.Log
	d := door.New(door.Config{Who: a.integration, Now: now, Saw: func(x door.Seen) {
		p.detect.Saw(detect.Payload{Integration: x.Integration, Format: x.Format, At: now(), Body: string(x.Body), Alerts: x.Alerts, Refused: x.Refused})
	}})
	hooks := webhook.New(webhook.Config{Door: d, Detect: p.detect, Catalog: a.Catalog, Ask: a.ask, Now: now, Log: log})
	out := map[string]http.Handler{
		heartbeat.Prefix: heartbeat.New(heartbeat.Config{Door: d, Detect: p.detect, Now: now, Log: log}),
		webhook.Prefix:   hooks, webhook.OnCall: hooks,
		alertmanager.Prefix: alertmanager.New(alertmanager.Config{Door: d, Detect: p.detect, Catalog: a.Catalog, Ready: a.ready, Now: now, Log: log, Version: a.opts.Version}),
	}
	out[gate.Prefix] = gate.New(gate.Config{Who: a.integration, Prevent: p.prevent, Now: now, Log: log})
	duty := pagerduty.New(pagerduty.Config{Door: d, Detect: p.detect, Catalog: a.Catalog, Deploy: a.recordDeploy, Now: now, Log: log})
	for _, path := range pagerduty.Paths {
		out[path] = duty
	}
	genie := opsgenie.New(opsgenie.Config{Door: d, Detect: p.detect, Catalog: a.Catalog, Now: now, Log: log,
		Facts: func(ctx context.Context, x detect.Alert) ([]event.Event, error) {
			q := event.Query{Group: string(x.Group), Last: true, Limit: 1000}
			if x.Group == "" {
				q.Subject = string(x.ID)
			}
			return a.db.Events(ctx, q)
		},
		Told: func(ctx context.Context, id detect.AlertID) ([]page.Notification, error) {
			w, err := p.page.Why(ctx, id, "", now())
			return w.Notifications, err
		}})
	for _, path := range opsgenie.Paths {
		out[path] = genie
	}
	return out
}

// formats are all in which alerts of other systems are taken.
func (a *App) formats() []detect.Format {
	out := append(webhook.Formats(), alertmanager.Format())
	out = append(out, pagerduty.Formats(a.Catalog)...)
	return append(out, opsgenie.Format(a.Catalog))
}

// senders returns the tokens that let alerts in.
func (a *App) senders(ctx context.Context) (out []detect.Token, err error) {
	ts, err := a.auth.Tokens(ctx)
	for _, t := range ts {
		if slices.Contains(strings.Fields(t.Scope), auth.Intake) {
			out = append(out, detect.Token{Name: t.Name, Made: t.Created, Used: t.Used})
		}
	}
	return out, err
}

// integration says who sends with a token: the name of the token is the name of the integration.
func (a *App) integration(ctx context.Context, secret string) (door.Caller, error) {
	u, err := a.auth.Bearer(ctx, secret)
	return door.Caller{Integration: u.Token, May: u.May}, err
}
