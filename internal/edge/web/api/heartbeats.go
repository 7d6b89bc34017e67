package api

import (
	"context"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// HeartbeatIn is a heartbeat as it is made.
type HeartbeatIn struct {
	Name     string `json:"name" doc:"at most 200 characters"`
	Text     string `json:"text,omitempty"`
	Interval string `json:"interval" doc:"how often it comes, such as 5m or 1d"`
	Grace    string `json:"grace,omitempty" doc:"how much later it may be; default 1m"`
	Service  string `json:"service,omitempty"`
	Severity string `json:"severity,omitempty" doc:"SEV1 to SEV4; default SEV2"`
	Disabled bool   `json:"disabled,omitempty"`
}

// HeartbeatOut is a heartbeat and when it is too late.
type HeartbeatOut struct {
	HeartbeatIn
	Declared bool      `json:"declared" doc:"in the catalog, which is where it is changed"`
	LastPing time.Time `json:"last_ping,omitzero" required:"false"`
	DueAt    time.Time `json:"due_at"`
	Late     bool      `json:"late" doc:"its alert fires"`
	State    string    `json:"state" enum:"off,waiting,alive,away"`
	Alert    string    `json:"alert,omitempty" doc:"the alert that fires because it stays away"`

	Misses []detect.Miss `json:"misses,omitempty" doc:"when it stayed away, the last times first; of one heartbeat"`
}

func heartbeatOut(h detect.Heartbeat) HeartbeatOut {
	return HeartbeatOut{
		HeartbeatIn: HeartbeatIn{h.Name, h.Text, catalog.Duration(h.Interval).String(), catalog.Duration(h.Grace).String(), h.Service, h.Severity, !h.Enabled},
		Declared:    h.Declared, LastPing: h.LastPing, DueAt: h.DueAt(), Late: h.Late, State: h.State(),
	}
}

func (r *routes) heartbeats() {
	get(r, "/heartbeats", "Signs of life that are expected", "read", func(ctx context.Context, _ *empty) ([]HeartbeatOut, error) {
		out := []HeartbeatOut{}
		all, err := r.Detect.Heartbeats(ctx)
		if err != nil {
			return out, err
		}
		alerts, err := r.Detect.AlertsOfHeartbeats(ctx, all...)
		for _, h := range all {
			o := heartbeatOut(h)
			o.Alert = string(alerts[h.Name].ID)
			out = append(out, o)
		}
		return out, err
	})
	get(r, "/heartbeats/{name}", "One heartbeat, and when it stayed away", "read", func(ctx context.Context, in *NameIn) (HeartbeatOut, error) {
		h, err := r.Detect.HeartbeatOf(ctx, in.Name)
		if err != nil {
			return HeartbeatOut{}, err
		}
		out := heartbeatOut(h)
		alerts, err := r.Detect.AlertsOfHeartbeats(ctx, h)
		if err != nil {
			return out, err
		}
		out.Alert = string(alerts[h.Name].ID)
		out.Misses, err = r.Detect.Misses(ctx, h.Name, 100)
		return out, err
	})
	call(r, "POST", "/heartbeats/{name}/ping", "Say that a job lives", "intake", func(ctx context.Context, in *NameIn) (HeartbeatOut, error) {
		h, err := r.Detect.PingBy(ctx, in.Name, userOf(ctx).Name, r.Now())
		return heartbeatOut(h), err
	})
	call(r, "POST", "/heartbeats", "Make a heartbeat, or change one that was made so", "respond", func(ctx context.Context, in *struct{ Body HeartbeatIn }) (HeartbeatOut, error) {
		b := in.Body
		h := detect.Heartbeat{Name: b.Name, Text: b.Text, Grace: time.Minute, Service: b.Service, Severity: b.Severity, Enabled: !b.Disabled}
		var err error
		if h.Interval, err = catalog.ParseDuration(b.Interval); err != nil {
			return HeartbeatOut{}, errs.New(errs.Invalid, "interval: %s", err)
		}
		if b.Grace != "" {
			if h.Grace, err = catalog.ParseDuration(b.Grace); err != nil {
				return HeartbeatOut{}, errs.New(errs.Invalid, "grace: %s", err)
			}
		}
		h, err = r.Detect.MakeHeartbeat(ctx, h, userOf(ctx).Name, r.Now())
		return heartbeatOut(h), err
	})
	call(r, "DELETE", "/heartbeats/{name}", "Remove a heartbeat that was made so", "respond", func(ctx context.Context, in *NameIn) (empty, error) {
		return empty{}, r.Detect.DropHeartbeat(ctx, in.Name, userOf(ctx).Name, r.Now())
	})
}
