package shop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// endedKept is how many ended faults are remembered.
const endedKept = 1000

// faultBook knows all faults and puts them into force.
type faultBook struct {
	directory map[string]*service
	load      *load

	mu     sync.Mutex
	next   int
	faults []*Fault // oldest first
	before map[string]string
	wake   chan struct{} // tells the sweeper that an end may have moved nearer
}

func newFaultBook(directory map[string]*service, l *load) *faultBook {
	return &faultBook{directory: directory, load: l, before: map[string]string{}, wake: make(chan struct{}, 1)}
}

// start puts a fault into force.
func (b *faultBook) start(ctx context.Context, spec FaultSpec, now time.Time) (Fault, error) {
	if err := spec.check(b.directory); err != nil {
		return Fault{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if spec.OwnID != "" {
		if f, err := b.find(spec.OwnID); err == nil {
			return *f, nil
		}
	}
	b.next++
	f := &Fault{ID: cmp.Or(spec.OwnID, fmt.Sprintf("fault-%d", b.next)), FaultSpec: spec, Started: now, Active: true}
	if f.Lease > 0 {
		f.Expires = now.Add(time.Duration(f.Lease))
	}
	s := b.directory[spec.Service]
	if f.Kind == BadVersion {
		if f.Version == "" {
			f.Version = nextVersion(s.version())
		}
		b.before[f.ID] = s.version()
		s.deploy(f.Version, now)
	}
	b.faults = append(b.faults, f)
	b.forgetOld()
	if err := b.enforce(ctx, s, now); err != nil {
		return Fault{}, err
	}
	b.nudge()
	return *f, nil
}

// renew starts the lease of an active fault again, with the given length.
func (b *faultBook) renew(id string, lease time.Duration, now time.Time) (Fault, error) {
	if lease <= 0 {
		return Fault{}, badRequest(`lease: use a time such as "10s"`)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.find(id)
	if err != nil {
		return Fault{}, err
	}
	if !f.Active {
		return Fault{}, conflict("%s ended at %s by %s: start a new fault", id, f.Ended.Format(time.RFC3339), f.EndedBy)
	}
	f.Lease, f.Expires = Duration(lease), now.Add(lease)
	b.nudge()
	return *f, nil
}

// end ends a fault; ending it again changes nothing.
func (b *faultBook) end(ctx context.Context, id, reason string, now time.Time) (Fault, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.find(id)
	if err != nil {
		return Fault{}, err
	}
	_, err = b.endWhere(ctx, func(other *Fault) bool { return other == f }, reason, now)
	return *f, err
}

// endAll ends all faults and returns those that were active.
func (b *faultBook) endAll(ctx context.Context, reason string, now time.Time) ([]Fault, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.endWhere(ctx, func(*Fault) bool { return true }, reason, now)
}

// endKinds ends what a remedy cures: the faults of these kinds in one service.
func (b *faultBook) endKinds(ctx context.Context, name, reason string, now time.Time, kinds ...FaultKind) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.endWhere(ctx, func(f *Fault) bool { return f.Service == name && slices.Contains(kinds, f.Kind) }, reason, now)
	return err
}

// endWhere ends the active faults that match and returns them. The lock is held.
func (b *faultBook) endWhere(ctx context.Context, match func(*Fault) bool, reason string, now time.Time) ([]Fault, error) {
	ended := []Fault{}
	touched := map[*service]bool{}
	for _, f := range b.faults {
		if !f.Active || !match(f) {
			continue
		}
		f.Active, f.Ended, f.EndedBy = false, now, reason
		s := b.directory[f.Service]
		touched[s] = true
		if before, ok := b.before[f.ID]; ok && reason != "rollback" && reason != "deploy" && s.version() == f.Version {
			s.rollback(before, now)
		}
		delete(b.before, f.ID)
		ended = append(ended, *f)
	}
	var errs error
	for s := range touched {
		errs = errors.Join(errs, b.enforce(ctx, s, now))
	}
	return ended, errs
}

func (b *faultBook) find(id string) (*Fault, error) {
	for _, f := range b.faults {
		if f.ID == id {
			return f, nil
		}
	}
	return nil, notFound("no fault %q: see GET /faults", id)
}

func (b *faultBook) get(id string) (Fault, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.find(id)
	if err != nil {
		return Fault{}, err
	}
	return *f, nil
}

func (b *faultBook) list() []Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Fault, len(b.faults))
	for i, f := range b.faults {
		all[i] = *f
	}
	return all
}

// enforce makes a service behave as its active faults say. The lock is held.
func (b *faultBook) enforce(ctx context.Context, s *service, now time.Time) error {
	e, old := &effects{}, s.effects.Load()
	crashed, surge := false, 1.0
	squeezed := map[string]*sizing{}
	for _, f := range b.faults {
		if !f.Active || f.Service != s.spec.Name {
			continue
		}
		e.faults = append(e.faults, f.FaultSpec)
		switch f.Kind {
		case Crash:
			crashed = true
		case Hang:
			if e.hang = old.hang; e.hang == nil {
				e.hang = make(chan struct{})
			}
		case Surge:
			surge = max(surge, f.Factor)
		case SmallPool:
			for _, name := range s.dependencies() {
				if f.Dependency == "" || f.Dependency == name {
					squeezed[name] = &sizing{f.Size, f.Started}
				}
			}
		default:
		}
	}
	s.effects.Store(e)
	if old.hang != nil && e.hang == nil {
		close(old.hang)
	}
	for _, c := range s.clients {
		c.setSqueeze(squeezed[c.spec.Name])
	}
	b.load.surge(s, surge, now)
	if crashed {
		return s.stop()
	}
	if s.up() {
		return nil
	}
	return s.restart(ctx, now)
}

// sweep ends faults whose lease or duration is over, until ctx ends.
func (b *faultBook) sweep(ctx context.Context) {
	const idle = time.Hour
	for {
		timer := time.NewTimer(b.endDue(ctx, time.Now(), idle))
		select {
		case <-timer.C:
		case <-b.wake:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// endDue ends what is due and returns the time until something else is.
func (b *faultBook) endDue(ctx context.Context, now time.Time, idle time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := idle
	for _, f := range b.faults {
		if reason, due := f.due(now); due {
			if _, err := b.endWhere(ctx, func(other *Fault) bool { return other == f }, reason, now); err != nil {
				wait = time.Second // the service did not come up: enforce it again
				f.Active = true
			}
			continue
		}
		if !f.Active {
			continue
		}
		if !f.Expires.IsZero() {
			wait = min(wait, f.Expires.Sub(now))
		}
		if f.Duration > 0 {
			wait = min(wait, f.Started.Add(time.Duration(f.Duration)).Sub(now))
		}
	}
	return wait
}

func (b *faultBook) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// forgetOld drops the oldest ended faults when there are many. The lock is held.
func (b *faultBook) forgetOld() {
	for i := 0; len(b.faults) > endedKept && i < len(b.faults); {
		if b.faults[i].Active {
			i++
			continue
		}
		b.faults = slices.Delete(b.faults, i, i+1)
	}
}

// nextVersion raises the second number of a version such as 2.11.3.
func nextVersion(version string) string {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d.", &major, &minor); err != nil {
		return version + "-next"
	}
	return fmt.Sprintf("%d.%d.0", major, minor+1)
}

// byName returns the services in the order of their names.
func byName(directory map[string]*service) []*service {
	services := slices.Collect(maps.Values(directory))
	slices.SortFunc(services, func(a, b *service) int {
		if a.spec.Name < b.spec.Name {
			return -1
		}
		return 1
	})
	return services
}
