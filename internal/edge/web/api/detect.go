package api

import (
	"context"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

func (r *routes) detect() {
	get(r, "/alerts", "Alerts, the oldest first", "read", func(ctx context.Context, in *struct {
		Group  string `query:"group"`
		Firing bool   `query:"firing"`
	}) ([]detect.Alert, error) {
		as, err := r.Detect.Alerts(ctx, detect.GroupID(in.Group), in.Firing)
		return orEmpty(as), err
	})
	get(r, "/slos", "Every SLO with its budget and burn rates", "read", func(context.Context, *empty) ([]detect.Status, error) {
		return orEmpty(r.Detect.Statuses(r.Now())), nil
	})
	get(r, "/slos/{name}", "One SLO", "read", func(_ context.Context, in *NameIn) (detect.Status, error) {
		o := r.Catalog().SLOs[in.Name]
		if o == nil {
			return detect.Status{}, errs.New(errs.NotFound, "there is no SLO named %q", in.Name)
		}
		return r.Detect.Status(o, r.Now()), nil
	})
}

// orEmpty makes an empty list out of none, which JSON writes as [].
func orEmpty[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}
