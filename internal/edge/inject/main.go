package inject

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"nightkeeper/internal/kit/self"
)

// plan is the first line that a helper reads.
type plan struct {
	Entry       entry          `json:"entry"`
	Dir         string         `json:"dir"`
	Allow       []netip.Prefix `json:"allow"`
	CallTimeout time.Duration  `json:"call_timeout"`
	RevertFor   time.Duration  `json:"revert_for"`
}

// The lines that follow: a sign of life, and the order to end.
const (
	lineRenew = "renew"
	lineEnd   = "end"
)

// reply is a line that a helper writes: one when the fault is there, and one when it has ended.
type reply struct {
	TargetID string    `json:"target_id,omitempty"`
	Held     bool      `json:"held,omitempty"`
	Refused  string    `json:"refused,omitempty"` // why the target does not have it
	Reverted *Reverted `json:"reverted,omitempty"`
}

// Main is the whole life of a helper. It returns the exit code: 0 when the fault is known to be gone.
func Main() int {
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP) // a parent that is gone must not kill us at the first word to it
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	self.CloseInherited()

	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	var p plan
	if !in.Scan() || json.Unmarshal(in.Bytes(), &p) != nil {
		return 2
	}
	h := helper{
		plan: p, entry: p.Entry, signals: signals, lines: make(chan string),
		reverter: reverter{client: newClient(p.Allow, p.CallTimeout), ledger: ledger{p.Dir}, lasts: p.RevertFor},
	}
	go h.listen(in)
	return h.run()
}

// helper holds one fault.
type helper struct {
	plan     plan
	entry    entry
	reverter reverter
	signals  chan os.Signal
	lines    chan string // closed when the parent is gone
}

// listen reads from the parent. It stays behind when the helper ends; the process ends with it.
func (h *helper) listen(in *bufio.Scanner) {
	defer close(h.lines)
	for in.Scan() {
		h.lines <- in.Text()
	}
}

func (h *helper) run() int {
	if err := h.inject(); errors.Is(err, errNotSent) {
		r := Reverted{ID: h.entry.Fault.ID, Why: NotInjected}
		if err := h.reverter.ledger.remove(r.ID); err != nil {
			r.Error = err.Error()
		}
		return h.say(reply{Refused: err.Error(), Reverted: &r})
	} else if err != nil {
		r := h.reverter.revert(context.Background(), h.entry, NotInjected)
		return h.say(reply{Refused: err.Error(), Reverted: &r})
	}
	_ = h.say(reply{Held: true, TargetID: h.entry.TargetID}) // a parent that is gone shows as the end of its lines
	why := h.hold()
	r := h.reverter.revert(context.Background(), h.entry, why)
	return h.say(reply{Reverted: &r})
}

// inject writes the ledger and makes the fault.
func (h *helper) inject() error {
	h.entry.State = "intent"
	if err := h.reverter.ledger.write(h.entry); err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(context.Background(), h.entry.Until)
	defer cancel()
	a, err := h.reverter.client.do(ctx, h.entry.Fault.injection(), h.entry.Fault.ID)
	if err != nil {
		return fmt.Errorf("inject: %w", err)
	}
	if !a.ok() {
		return fmt.Errorf("inject: the target answered %d", a.status)
	}
	if id, ok := a.fields["id"].(string); ok && id != h.entry.Fault.ID {
		h.entry.TargetID = id
	}
	h.entry.State = "active"
	return h.reverter.ledger.write(h.entry)
}

// hold keeps the fault until something ends it, and says what.
func (h *helper) hold() Why {
	fault := h.entry.Fault
	lease := time.NewTimer(fault.Lease)
	defer lease.Stop()
	deadline := time.NewTimer(time.Until(h.entry.Until))
	defer deadline.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	lost := make(chan struct{}, 1)
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		h.renew(ctx, lost)
	}()
	defer func() { // no renewal may follow the revert
		cancel()
		<-renewing
	}()
	for {
		select {
		case line, ok := <-h.lines:
			switch {
			case !ok:
				return ParentGone
			case line == lineEnd:
				return Ended
			case line == lineRenew:
				lease.Reset(fault.Lease)
			}
		case <-lease.C:
			return LeaseLost
		case <-deadline.C:
			return DeadlinePassed
		case <-lost:
			return TargetLostIt
		case <-h.signals:
			return Signalled
		}
	}
}

// renew tells the target that the fault is still wanted. A target that does not answer is asked again; one that has no
// such fault has lost it.
func (h *helper) renew(ctx context.Context, lost chan<- struct{}) {
	if h.entry.Fault.Renew.URL == "" {
		return
	}
	t := time.NewTicker(max(h.entry.Fault.Lease/3, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if a, err := h.reverter.client.do(ctx, h.entry.Fault.Renew, h.entry.id()); err == nil && a.gone() {
				lost <- struct{}{}
				return
			}
		}
	}
}

// say writes a line and returns the exit code that belongs to it.
func (h *helper) say(r reply) int {
	_ = json.NewEncoder(os.Stdout).Encode(r) // when nobody listens, the ledger tells
	if r.Reverted != nil && r.Reverted.Error != "" {
		return 1
	}
	return 0
}
