package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	httpaction "nightkeeper/internal/edge/action/http"
	"nightkeeper/internal/edge/inject"
	"nightkeeper/internal/edge/sandbox"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/prevent"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
)

// phases are the services of the loop, in its order.
type phases struct {
	detect    *detect.Service
	page      *page.Service
	watchdog  *page.Watchdog
	respond   *respond.Service
	remediate *remediate.Service
	learn     *learn.Service
	prevent   *prevent.Service
	holder    *inject.Holder
}

// buildPhases gives every phase what it needs.
func (a *App) buildPhases(context.Context) error {
	o := a.opts
	a.action = httpaction.New(httpaction.Config{Allow: o.AllowOutgoing, Log: o.Log})
	scripts := httpaction.Config{Allow: o.AllowOutgoing, Log: o.Log} // webhooks know no secrets of runbooks
	if o.SecretsDir != "" {
		folder, err := httpaction.OpenFolder(o.SecretsDir)
		if err != nil {
			return err
		}
		scripts.Secrets = folder.Secret
	}
	a.channels = a.buildChannels()
	p := &a.phases
	p.detect = detect.New(detect.Config{Store: a.db.Detect(), Catalog: a.Catalog, Related: a.related, At: a.graph.ServiceAt, Log: o.Log,
		Formats: a.formats(), Tokens: a.senders})
	p.page = page.New(page.Config{Shadow: o.Shadow, Store: a.db.Page(), Alert: p.detect.Alert,
		Alerts: func(ctx context.Context, g detect.GroupID) ([]detect.Alert, error) {
			return p.detect.Alerts(ctx, g, false)
		},
		Events: a.db.Events, Catalog: a.Catalog, Channels: a.channels, BaseURL: a.BaseURL, Key: a.subkey("acknowledge"), Now: o.Now, Log: o.Log})
	p.watchdog = a.newWatchdog(p)
	p.respond = respond.New(respond.Config{Store: a.db.Respond(), Catalog: a.Catalog, Graph: a.graph, Telemetry: a.host, Deploys: a.db.Deploys, Now: o.Now, Log: o.Log})
	p.remediate = remediate.New(remediate.Config{
		Shadow: o.Shadow, Store: a.db.Remediate(), Catalog: a.Catalog, Respond: p.respond, HTTP: scriptHTTP{httpaction.New(scripts)}, Telemetry: a.host, Graph: a.graph,
		Engine: sandbox.New(sandbox.Config{Command: o.self(sandboxCommand), Log: o.Log}),
		Calm:   p.detect.Calm, Burning: a.burning, Now: o.Now, Log: o.Log,
	})
	p.learn = learn.New(learn.Config{Store: a.db.Learn(), Catalog: a.Catalog, Log: o.Log})
	holder, err := inject.New(inject.Config{Dir: filepath.Join(o.DataDir, "faults"), Allow: o.AllowOutgoing,
		Command: o.self(holderCommand), Log: o.Log})
	if err != nil {
		return err
	}
	p.holder = holder
	p.prevent = prevent.New(prevent.Config{
		Store: a.db.Prevent(), Catalog: a.Catalog, Detect: p.detect, Respond: p.respond, Learn: p.learn, Injector: faultAPI{holder, &a.swept}, Now: o.Now, Log: o.Log, Patience: o.GatePatience,
	})
	return nil
}

// stopPhases writes what was counted since the last flush, and ends every fault.
func (a *App) stopPhases(ctx context.Context) error {
	return errors.Join(a.phases.detect.Flush(ctx), a.phases.holder.Stop(ctx))
}

// subkey returns a key for one purpose, so that giving it away gives nothing else away.
func (a *App) subkey(purpose string) []byte {
	m := hmac.New(sha256.New, a.key)
	m.Write([]byte(purpose))
	return m.Sum(nil)
}

// related reports whether two services are connected by calls of the last quarter of an hour.
func (a *App) related(service string) []string {
	return graph.NewTopology(a.graph.Edges(a.opts.Now().Add(-15 * time.Minute))).Related(service)
}

// burning returns the objectives of all alerts of a group.
func (a *App) burning(ctx context.Context, g detect.GroupID) ([]string, error) {
	as, err := a.phases.detect.Alerts(ctx, g, false)
	if err != nil {
		return nil, fmt.Errorf("objectives of %s: %w", g, err)
	}
	seen := map[string]bool{}
	var out []string
	for _, x := range as {
		if !seen[x.SLO] {
			seen[x.SLO] = true
			out = append(out, x.SLO)
		}
	}
	return out, nil
}
