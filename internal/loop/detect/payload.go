package detect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/mask"
)

// Payload is what an integration sent, as it came but for its secrets.
type Payload struct {
	ID          string    `json:"id"`
	Integration string    `json:"integration"`
	Format      string    `json:"format"`
	At          time.Time `json:"at"`
	Size        int       `json:"size"`           // bytes as it came
	Body        string    `json:"body,omitempty"` // secrets are masked; empty when it was larger than is kept
	Alerts      int       `json:"alerts"`
	Refused     string    `json:"refused,omitempty"` // why; empty: it was taken
}

// What is kept of payloads: of each integration the last that were taken, at most one a second, and the last that were
// refused.
const (
	MostPayloads = 10
	mostBody     = 32 << 10
	payloadEvery = time.Second
	payloadsFor  = 30 * 24 * time.Hour
	mostSenders  = 1_000 // of which payloads wait to be written
)

// payloads are those that are not written yet, the newest first. Intake never waits for them: what cannot be kept is lost,
// and only a picture is.
type payloads struct {
	mu   sync.Mutex
	of   map[string]*[2][]Payload // by integration: taken and refused
	last map[string]time.Time     // when one was taken
}

// Saw notes what an integration sent, with the whole body, for people to look at.
func (s *Service) Saw(x Payload) {
	p := &s.payloads
	p.mu.Lock()
	defer p.mu.Unlock()
	which := 0
	if x.Refused != "" {
		which = 1
	}
	if which == 0 && x.At.Sub(p.last[x.Integration]) < payloadEvery {
		return
	}
	if p.of == nil {
		p.of = map[string]*[2][]Payload{}
	}
	of := p.of[x.Integration]
	if of == nil {
		if len(p.of) >= mostSenders {
			return
		}
		of = &[2][]Payload{}
		p.of[x.Integration] = of
	}
	x.ID, x.Size, x.Refused = id.New("pay", x.At), len(x.Body), firstLine(x.Refused, 1_000)
	if len(x.Body) > mostBody {
		x.Body = ""
	}
	list := slices.Insert(of[which], 0, x)
	of[which] = list[:min(len(list), MostPayloads)]
	if which == 0 {
		if p.last == nil || len(p.last) > mostSenders {
			p.last = map[string]time.Time{}
		}
		p.last[x.Integration] = x.At
	}
}

// KeepPayloads writes what was noted since the last call, without secrets.
func (s *Service) KeepPayloads(ctx context.Context) error {
	p := &s.payloads
	p.mu.Lock()
	fresh := p.of
	p.of = nil
	p.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	var all []Payload
	for _, of := range fresh {
		for _, x := range slices.Concat(of[0], of[1]) {
			x.Body = mask.Payload([]byte(x.Body))
			x.Refused = mask.Text(x.Refused)
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b Payload) int { return cmp.Compare(a.ID, b.ID) })
	err := s.Store.Update(ctx, func(tx Tx) error {
		for _, x := range all {
			if err := tx.SavePayload(ctx, x); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep payloads: %w", err)
	}
	return nil
}

// Payloads returns the payloads of an integration that are kept, the newest first; of all when it is empty.
func (s *Service) Payloads(ctx context.Context, integration string) (out []Payload, err error) {
	if err := s.KeepPayloads(ctx); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Payloads(ctx, integration)
		return err
	})
	return out, err
}
