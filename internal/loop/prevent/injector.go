package prevent

import (
	"context"
	"time"
)

// Fault is what an Injector makes exist: a share of the calls to a service is slow or fails.
type Fault struct {
	ID       string        `json:"id"`      // of the run: the same fault started twice is one fault
	Target   string        `json:"target"`  // service
	Control  string        `json:"control"` // base URL of the target's control API
	Kind     string        `json:"kind"`    // latency or errors
	Latency  time.Duration `json:"latency_ns,omitempty"`
	Share    float64       `json:"share"`
	From     string        `json:"from,omitempty"` // only calls from this service
	Lease    time.Duration `json:"lease_ns"`       // how long it may outlive its holder
	Deadline time.Time     `json:"deadline"`       // it is over then, whatever happens
}

// Injector makes a fault exist as long as its holder lives; it ends by itself at the deadline or when the lease is not
// renewed. Renewing is the injector's business: whoever started the fault only ends it.
type Injector interface {
	// Start returns when the fault is active. With an error nothing is left that outlives the lease.
	Start(ctx context.Context, f Fault) (Held, error)
	// Sweep ends what an earlier process left behind and returns the ids of those faults. Faults that a living holder has
	// are ended too: it is called only when no run is under way in this process.
	Sweep(ctx context.Context) ([]string, error)
}

// Held is an active fault.
type Held interface {
	// End returns nil when the target has confirmed that the fault is gone; it may be called again, also after Done. With an
	// error the fault is gone at the latest when lease or deadline are over.
	End(ctx context.Context) error
	// Done is closed when the fault is over, for whatever reason.
	Done() <-chan struct{}
}
