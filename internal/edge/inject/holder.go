package inject

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/self"
)

// Config of a Holder.
type Config struct {
	Dir         string         // the ledger; required, and of this program alone
	Allow       []netip.Prefix // where faults may be injected; none when empty
	Command     []string       // the helper; default this program with the argument "fault-holder"
	CallTimeout time.Duration  // of one call to a target; default 3 seconds
	RevertFor   time.Duration  // how long one revert is tried; default 2 minutes
	Log         *slog.Logger
}

// Holder starts helpers and listens to them.
type Holder struct {
	config   Config
	reverter reverter

	mu   sync.Mutex
	held map[string]*Held
}

// New returns a holder. It starts nothing; Sweep comes first.
func New(c Config) (*Holder, error) {
	if c.Dir == "" {
		return nil, errs.New(errs.Invalid, "a fault holder needs a directory for its ledger")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "the ledger directory cannot be found")
	}
	c.Dir = dir
	if c.CallTimeout == 0 {
		c.CallTimeout = 3 * time.Second
	}
	if c.RevertFor == 0 {
		c.RevertFor = 2 * time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	r := reverter{client: newClient(c.Allow, c.CallTimeout), ledger: ledger{dir}, lasts: c.RevertFor}
	return &Holder{config: c, reverter: r, held: map[string]*Held{}}, nil
}

// Held is a fault that is there.
type Held struct {
	ID       string // ours
	TargetID string // the target's, when it has another

	holder *Holder
	entry  entry
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	end    chan struct{} // closed when the fault is to end
	once   sync.Once
	done   chan struct{} // closed when result is set and the helper is gone
	result Reverted
}

// Start injects a fault and keeps it until End, its deadline, or the death of this program. When it returns an error the
// fault is not there, or the error says that this is not known and the ledger keeps it. ctx is for the start only.
func (h *Holder) Start(ctx context.Context, f Fault) (*Held, error) {
	f, err := f.check()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if f.ID == "" {
		f.ID = id.New("flt", now)
	}
	x := &Held{ID: f.ID, holder: h, end: make(chan struct{}), done: make(chan struct{})}
	x.entry = entry{Fault: f, State: "planned", Began: now.UTC(), Until: now.Add(f.Deadline).UTC()}
	if !h.add(x) {
		return nil, errs.New(errs.Conflict, "the fault %s is there already", f.ID)
	}
	if err := x.spawn(); err != nil {
		h.remove(x)
		return nil, errs.Wrap(err, errs.Unavailable, "cannot start a fault helper")
	}
	first := make(chan reply, 1)
	go x.renew()
	go x.follow(first)
	select {
	case r := <-first:
		if r.Held {
			x.TargetID = r.TargetID
			h.config.Log.Info("fault injected", "fault", x.ID, "until", x.entry.Until)
			return x, nil
		}
		<-x.done
		if err := x.result.err(); err != nil {
			return nil, err
		}
		if r.Refused == "" {
			r.Refused = "its helper died"
		}
		return nil, errs.New(errs.Unavailable, "the fault was not injected: %s", r.Refused)
	case <-ctx.Done():
		x.stop()
		return nil, errs.Wrap(context.Cause(ctx), errs.Unavailable, "fault %s is being taken back; the ledger has it until then", x.ID)
	}
}

// End reverts the fault and returns when a probe has seen that it is gone. An error means that this is not known: the
// helper may still be trying, and the ledger has the fault. It may be called twice.
func (x *Held) End(ctx context.Context) error {
	x.stop()
	_, err := x.Wait(ctx)
	return err
}

// Wait returns how the fault ended, when it has.
func (x *Held) Wait(ctx context.Context) (Reverted, error) {
	select {
	case <-x.done:
		return x.result, x.result.err()
	case <-ctx.Done():
		return Reverted{ID: x.ID}, errs.Wrap(context.Cause(ctx), errs.Unavailable, "fault %s is not known to be gone yet", x.ID)
	}
}

// Done is closed when the fault has ended, for whatever reason.
func (x *Held) Done() <-chan struct{} { return x.done }

// Stop ends all faults that are held and returns what is not known to be gone.
func (h *Holder) Stop(ctx context.Context) error {
	h.mu.Lock()
	all := make([]*Held, 0, len(h.held))
	for _, x := range h.held {
		all = append(all, x)
		x.stop()
	}
	h.mu.Unlock()
	var problems []error
	for _, x := range all {
		problems = append(problems, x.End(ctx))
	}
	return errors.Join(problems...)
}

// Sweep reverts everything that an earlier life of this program left in the ledger, side by side, and returns how each
// ended. Faults that this holder holds are left alone. The error says that some are not known to be gone; they stay in
// the ledger. It is called at the start, before anything else.
func (h *Holder) Sweep(ctx context.Context) ([]Reverted, error) {
	ids, err := h.reverter.ledger.list()
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the ledger of faults cannot be read")
	}
	results := make([]*Reverted, len(ids))
	var wait sync.WaitGroup
	for i, fault := range ids {
		h.mu.Lock()
		_, ours := h.held[fault]
		h.mu.Unlock()
		if ours {
			continue
		}
		wait.Go(func() { results[i] = h.sweep(ctx, fault) })
	}
	wait.Wait()
	var swept []Reverted
	var problems []error
	for _, r := range results {
		if r != nil {
			swept = append(swept, *r)
			problems = append(problems, r.err())
			h.config.Log.Warn("fault left by an earlier run", "fault", r.ID, "tries", r.Tries, "error", r.Error)
		}
	}
	return swept, errors.Join(problems...)
}

func (h *Holder) sweep(ctx context.Context, fault string) *Reverted {
	e, err := h.reverter.ledger.read(fault)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its helper was still there, and has done it
	}
	if err != nil {
		return &Reverted{ID: fault, Why: Swept, Error: err.Error()}
	}
	r := h.reverter.revert(ctx, e, Swept)
	return &r
}

func (h *Holder) add(x *Held) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held[x.ID] != nil {
		return false
	}
	h.held[x.ID] = x
	return true
}

func (h *Holder) remove(x *Held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, x.ID)
}

// spawn starts the helper and gives it its plan.
func (x *Held) spawn() error {
	c := x.holder.config
	command := c.Command
	if len(command) == 0 {
		self, err := self.Executable()
		if err != nil {
			return err
		}
		command = []string{self, "fault-holder"}
	}
	first, err := json.Marshal(plan{Entry: x.entry, Dir: c.Dir, Allow: c.Allow, CallTimeout: c.CallTimeout, RevertFor: c.RevertFor})
	if err != nil {
		return err
	}
	x.cmd = exec.Command(command[0], command[1:]...) //nolint:noctx // it has to outlive every context of ours
	x.cmd.Env = []string{}
	x.cmd.Dir = "/"
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if x.in, err = x.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := x.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	x.out = bufio.NewScanner(out)
	if err := x.cmd.Start(); err != nil {
		return err
	}
	_, _ = x.in.Write(append(first, '\n')) // a helper that is gone shows in follow
	return nil
}

// renew owns the helper's input: signs of life, and then the order to end. Closing it would end the fault as well.
func (x *Held) renew() {
	defer x.in.Close() //nolint:errcheck // the helper may have gone first
	t := time.NewTicker(max(min(time.Second, x.entry.Fault.Lease/4), time.Millisecond))
	defer t.Stop()
	end := x.end
	for {
		line := lineRenew
		select {
		case <-x.done:
			return
		case <-end:
			line, end = lineEnd, nil
		case <-t.C:
		}
		if _, err := io.WriteString(x.in, line+"\n"); err != nil {
			return
		}
	}
}

// follow reads what the helper says until it is gone. The fault of a helper that went without a last word is reverted
// here.
func (x *Held) follow(first chan<- reply) {
	var last *Reverted
	for x.out.Scan() {
		var r reply
		if json.Unmarshal(x.out.Bytes(), &r) != nil {
			continue
		}
		if r.Reverted != nil {
			last = r.Reverted
		}
		if r.TargetID != "" {
			x.entry.TargetID = r.TargetID
		}
		select {
		case first <- r:
		default:
		}
	}
	_ = x.cmd.Wait() // its last word counts, not its code
	if last == nil {
		r := x.holder.reverter.revert(context.Background(), x.entry, HelperGone)
		last = &r
	}
	x.result = *last
	log := x.holder.config.Log.Info
	if last.Error != "" {
		log = x.holder.config.Log.Error
	}
	log("fault ended", "fault", x.ID, "why", last.Why, "tries", last.Tries, "error", last.Error)
	x.holder.remove(x)
	close(x.done)
	select {
	case first <- reply{}:
	default:
	}
}

func (x *Held) stop() { x.once.Do(func() { close(x.end) }) }
