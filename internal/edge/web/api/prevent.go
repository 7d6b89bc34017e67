package api

import (
	"context"
	"net/http"

	"nightkeeper/internal/loop/prevent"
)

func (r *routes) prevent() {
	get(r, "/gate/{name}", "Whether a release of a service may go out", "read", func(ctx context.Context, in *struct {
		NameIn
		Change    string `query:"change" doc:"kind of change: feature, rollback, security, reliability"`
		SHA       string `query:"sha" doc:"commit that would be released"`
		OnUnknown string `query:"on_unknown" enum:"allow,block" doc:"what allowed says when the gate cannot tell; default block"`
	}) (prevent.Verdict, error) {
		q := prevent.Question{Service: in.Name, Change: prevent.Change(in.Change), SHA: in.SHA, AllowUnknown: in.OnUnknown == "allow"}
		return r.Prevent.Gate(ctx, q, r.Now())
	})
	get(r, "/freezes", "Services whose releases are stopped", "read", func(ctx context.Context, _ *empty) ([]prevent.Freeze, error) {
		fs, err := r.Prevent.Frozen(ctx)
		return orEmpty(fs), err
	})
	get(r, "/experiments", "Declared and proposed experiments", "read", func(ctx context.Context, in *struct {
		Proposed bool `query:"proposed" doc:"only those proposed from an incident"`
	}) ([]prevent.Experiment, error) {
		all, err := r.Prevent.Experiments(ctx)
		out := []prevent.Experiment{}
		for _, e := range all {
			if !in.Proposed || e.Incident != "" {
				out = append(out, e)
			}
		}
		return out, err
	})
	call(r, http.MethodPost, "/experiments/{name}/start", "Run an experiment", "respond", func(ctx context.Context, in *NameIn) (prevent.Run, error) {
		return r.Prevent.Start(ctx, in.Name, userOf(ctx).Name, r.Now())
	})
	get(r, "/experiment-runs", "Runs of experiments, the newest first", "read", func(ctx context.Context, in *struct {
		Experiment string `query:"experiment"`
	}) ([]prevent.Run, error) {
		rs, err := r.Prevent.Runs(ctx, in.Experiment, 200)
		return orEmpty(rs), err
	})
	get(r, "/experiment-runs/{name}", "A run of an experiment", "read", func(ctx context.Context, in *NameIn) (prevent.Run, error) {
		return r.Prevent.GetRun(ctx, prevent.RunID(in.Name))
	})
	call(r, http.MethodPost, "/experiment-runs/{name}/kill", "End the fault of a run at once", "respond", func(ctx context.Context, in *NameIn) (prevent.Run, error) {
		return r.Prevent.Kill(ctx, prevent.RunID(in.Name), userOf(ctx).Name, r.Now())
	})
	call(r, http.MethodPost, "/experiment-runs/kill", "End the faults of all runs at once", "respond", func(ctx context.Context, _ *empty) ([]prevent.Run, error) {
		rs, err := r.Prevent.KillAll(ctx, userOf(ctx).Name, r.Now())
		return orEmpty(rs), err
	})
}
