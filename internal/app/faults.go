package app

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"nightkeeper/internal/edge/inject"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/prevent"
)

// faultAPI makes the faults of experiments through the fault API of a service's control address.
type faultAPI struct {
	holder *inject.Holder
	swept  *atomic.Bool // whether everything that an earlier life left behind is gone
}

// Start injects a fault that ends by itself.
func (f faultAPI) Start(ctx context.Context, x prevent.Fault) (prevent.Held, error) {
	if !f.swept.Load() {
		return nil, errs.New(errs.Unavailable, "a fault of an earlier experiment is still being ended")
	}
	base := strings.TrimSuffix(x.Control, "/")
	if i := strings.Index(base, "/services/"); i >= 0 {
		base = base[:i]
	}
	kind := "slow"
	body := map[string]any{"service": x.Target, "share": x.Share, "lease": x.Lease.String(), "duration": time.Until(x.Deadline).Round(time.Second).String()}
	if x.Kind == "errors" {
		kind = "errors"
	} else {
		body["add"] = x.Latency.String() // on top of what the service takes anyway
	}
	body["kind"] = kind
	if x.From != "" {
		body["from"] = x.From
	}
	held, err := f.holder.Start(ctx, inject.Fault{
		ID:     x.ID,
		Inject: inject.Call{Method: "POST", URL: base + "/faults", Body: body},
		Renew:  inject.Call{Method: "PUT", URL: base + "/faults/{id}", Body: map[string]any{"lease": x.Lease.String()}},
		Revert: inject.Call{Method: "DELETE", URL: base + "/faults/{id}"},
		Probe:  inject.Call{Method: "GET", URL: base + "/faults/{id}"},
		Lease:  x.Lease, Deadline: time.Until(x.Deadline),
	})
	if err != nil {
		return nil, err
	}
	return held, nil
}

// Sweep ends what an earlier process left behind.
func (f faultAPI) Sweep(ctx context.Context) ([]string, error) {
	done, err := f.holder.Sweep(ctx)
	var ids []string
	for _, d := range done {
		ids = append(ids, d.ID)
	}
	return ids, err
}
