package page

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// sendTimeout is how long a channel may take for one message.
const sendTimeout = 20 * time.Second

// forChannel returns the kind of a job for one channel: each channel has a queue of its own. What is for no channel at all
// is in the queue without a name.
func (s *Service) forChannel(kind, channel string) string {
	if s.channels[channel] == nil && !slices.Contains(catalog.Channels(), channel) {
		return kind
	}
	return kind + "." + channel
}

// Tasks returns the tasks of page: sending notifications and changing what was sent. Each channel has kinds of its own, so
// that one that hangs delays no other; those that the server does not have are among them, because what was left for one
// has to fail where people see it.
func (s *Service) Tasks() job.Tasks {
	out := job.Tasks{jobSend: s.send, jobNotice: s.sendNotice, jobCheck: s.sendCheck}
	for _, name := range slices.Concat(catalog.Channels(), slices.Collect(maps.Keys(s.channels))) {
		out[s.forChannel(jobSend, name)] = s.send
		out[s.forChannel(jobNotice, name)] = s.sendNotice
		out[s.forChannel(jobCheck, name)] = s.sendCheck
		out[s.forChannel(jobUpdate, name)] = s.update
	}
	return out
}

// longestLimit is how long a provider may have us wait; see ask.MaxWait.
const longestLimit = time.Hour

// limits are the contacts that a provider does not take messages for until some time.
type limits struct {
	mu    sync.Mutex
	until map[[2]string]time.Time
}

func (l *limits) set(channel, address string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until == nil {
		l.until = map[[2]string]time.Time{}
	}
	l.until[[2]string{channel, address}] = until
}

// of returns until when a contact is limited, the zero time when it is not.
func (l *limits) of(channel, address string, now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{channel, address}
	until := l.until[key]
	if !until.After(now) || until.Sub(now) > longestLimit { // over, or the clock was set back
		delete(l.until, key)
		return time.Time{}
	}
	return until
}

// line is a notification and the page that it is about.
type line struct {
	n Notification
	p Page
}

// outgoing is one message that is about to go out: the notification that it goes by, and those that go with it.
type outgoing struct {
	line
	with []line
	done bool // there is nothing to send
}

// send hands one notification, with those that are bundled with it, to its channel and records what became of it.
func (s *Service) send(ctx context.Context, j job.Job) error {
	out, err := s.takeOut(ctx, NotificationID(j.Key))
	if err != nil || out.done {
		return err
	}
	n := out.n
	if s.silent(n.Channel) {
		return s.record(ctx, out, nil, "")
	}
	ch := s.channels[n.Channel]
	if ch == nil {
		return s.record(ctx, out, errs.New(errs.Invalid, "channel %s is not configured on this server", n.Channel), "")
	}
	short, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	receipt, err := ch.Send(short, s.message(out))
	if wait := errs.WaitOf(err); wait > 0 {
		s.limited.set(n.Channel, n.Address, s.Now().Add(wait))
	}
	if err != nil && !errs.Is(err, errs.Invalid) && (ctx.Err() != nil || j.Attempts+1 < job.MaxAttempts) {
		s.notYet(ctx, out, err, j.Attempts+1)
		return fmt.Errorf("send %s to %s by %s: %w", n.ID, n.Person, n.Channel, err)
	}
	return s.record(ctx, out, err, receipt)
}

// takeOut decides whether a notification goes out now and with which others, and writes that down, so that nobody else
// sends them too. The error is job.Later when its turn comes later.
func (s *Service) takeOut(ctx context.Context, id NotificationID) (out outgoing, err error) {
	now := s.Now()
	var later error
	err = s.Store.Update(ctx, func(tx Tx) error {
		out, later = outgoing{}, nil
		n, err := tx.Notification(ctx, id)
		if err != nil {
			return fmt.Errorf("read notification %s: %w", id, err)
		}
		if n.Delivery != Queued || n.In != "" {
			out.done = true
			return nil
		}
		if unneeded, err := s.unneeded(ctx, tx, n, now); err != nil || unneeded {
			out.done = true
			return err
		}
		if until := s.limited.of(n.Channel, n.Address, now); !until.IsZero() {
			later = job.Later(until, "the provider asked to wait")
			return nil
		}
		others, err := alongside(ctx, tx, n, now)
		if err != nil {
			return fmt.Errorf("read what else goes to %s: %w", n.Person, err)
		}
		t := turnOf(n, others, now)
		if !t.wait.IsZero() {
			later = job.Later(t.wait, "a storm: it goes out with others")
			return nil
		}
		return s.bind(ctx, tx, n, t, &out, now)
	})
	if err == nil {
		err = later
	}
	return out, err
}

// alongside returns what decides the turn of a notification: those of its message when it was tried before, what else the
// person got and gets by the channel otherwise.
func alongside(ctx context.Context, tx Tx, n Notification, now time.Time) ([]Notification, error) {
	if !n.OutAt.IsZero() {
		return tx.With(ctx, n.ID)
	}
	return tx.Contacted(ctx, n.Person, n.Channel, now.Add(-remembered), maxBundle)
}

// unneeded ends a notification that waited its turn by the person's own rules, when somebody has taken the page meanwhile.
func (s *Service) unneeded(ctx context.Context, tx Tx, n Notification, now time.Time) (bool, error) {
	if !n.DueAt.After(n.At) || n.Page == "" {
		return false, nil
	}
	p, err := tx.Page(ctx, n.Page)
	if err != nil || p.State == Open {
		return false, err
	}
	n.Delivery, n.Error = Unneeded, "the page was "+string(p.State)+" before its turn"
	if err := tx.SaveNotification(ctx, n); err != nil {
		return false, err
	}
	return true, s.notified(ctx, tx, p, n, KindUnneeded, fmt.Sprintf("%s was not told by %s: %s", n.Person, n.Channel, n.Error), now)
}

// bind marks those that go out together and fills in out.
func (s *Service) bind(ctx context.Context, tx Tx, n Notification, t turn, out *outgoing, now time.Time) (err error) {
	if n.OutAt.IsZero() {
		n.OutAt = now
		if err := tx.SaveNotification(ctx, n); err != nil {
			return err
		}
	}
	if out.line, err = s.lineOf(ctx, tx, n); err != nil {
		return err
	}
	for _, o := range t.with {
		if o.In == "" {
			o.In, o.OutAt = n.ID, now
			if err := tx.SaveNotification(ctx, o); err != nil {
				return err
			}
			if err := tx.Cancel(ctx, s.forChannel(jobSend, o.Channel), string(o.ID)); err != nil {
				return err
			}
		}
		l, err := s.lineOf(ctx, tx, o)
		if err != nil {
			return err
		}
		out.with = append(out.with, l)
	}
	return nil
}

func (s *Service) lineOf(ctx context.Context, tx Tx, n Notification) (line, error) {
	p, err := tx.Page(ctx, n.Page)
	if err != nil {
		return line{}, fmt.Errorf("read the page of notification %s: %w", n.ID, err)
	}
	return line{n, p}, nil
}

// notYet writes into each notification of a message why it did not go out yet, for those who look at the page meanwhile. That
// it cannot be written changes nothing: the message is tried again.
func (s *Service) notYet(ctx context.Context, out outgoing, failure error, attempts int) {
	times := "once"
	if attempts > 1 {
		times = fmt.Sprintf("%d times", attempts)
	}
	err := s.Store.Update(ctx, func(tx Tx) error {
		for _, l := range append([]line{out.line}, out.with...) {
			n, err := tx.Notification(ctx, l.n.ID)
			if err != nil {
				return err
			}
			if n.Delivery != Queued {
				continue
			}
			n.Error = fmt.Sprintf("tried %s, and will be again: %s", times, errs.Message(failure))
			if err := tx.SaveNotification(ctx, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.Log.Warn("why a message did not go out yet was not written", "notification", out.n.ID, "error", err)
	}
}

// record writes what became of a message into each notification that was in it.
func (s *Service) record(ctx context.Context, out outgoing, failure error, receipt string) error {
	now := s.Now()
	return s.Store.Update(ctx, func(tx Tx) error {
		for i, l := range append([]line{out.line}, out.with...) {
			n, err := tx.Notification(ctx, l.n.ID)
			if err != nil {
				return err
			}
			if n.Delivery != Queued { // the provider's word that it arrived was faster
				continue
			}
			kind, text := s.toldBy(n)
			if i > 0 {
				text += ", in one message with others"
			}
			n.Delivery, n.SentAt, n.Receipt, n.Error = s.arrived(n.Channel), now, receipt, ""
			if failure != nil {
				n.Delivery, n.SentAt, n.Error = Failed, time.Time{}, errs.Message(failure)
				kind, text = KindFailed, fmt.Sprintf("%s could not be told by %s: %s", n.Person, n.Channel, n.Error)
			}
			if err := tx.SaveNotification(ctx, n); err != nil {
				return err
			}
			if err := s.notified(ctx, tx, l.p, n, kind, text, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// silent reports whether nothing goes out by a channel because this server runs as a shadow. The watchdog's messages, which
// reach nobody, go out all the same: otherwise it would find that pages do not arrive.
func (s *Service) silent(channel string) bool { return s.Shadow && channel != Loopback }

// arrived is the delivery of what a channel accepted.
func (s *Service) arrived(channel string) Delivery {
	if s.silent(channel) {
		return Shadow
	}
	return Sent
}

// toldBy returns the fact that a notification went out.
func (s *Service) toldBy(n Notification) (kind, text string) {
	if s.silent(n.Channel) {
		return KindShadowed, fmt.Sprintf("%s would have been told by %s: this server runs as a shadow", n.Person, n.Channel)
	}
	return KindNotified, fmt.Sprintf("%s was told by %s", n.Person, n.Channel)
}

func (s *Service) message(out outgoing) Message {
	n, p, base := out.n, out.p, strings.TrimSuffix(s.BaseURL(), "/")
	m := Message{Notification: n.ID, Page: p.ID, Person: n.Person, Address: n.Address, Severity: p.Severity, Service: p.Service, At: n.At,
		PageURL: base + "/pages/" + string(p.ID), Title: fmt.Sprintf("%s %s", p.Severity, p.Service), Text: p.Title}
	if len(out.with) > 0 {
		return digest(m, out, base)
	}
	if p.Context != "" {
		m.Text += "\n\n" + p.Context
	}
	full := func(path string) string {
		if path == "" || strings.Contains(path, "://") {
			return path
		}
		return base + path
	}
	l := p.Links
	m.Links = detect.Links{RED: full(l.RED), Traces: full(l.Traces), Profile: full(l.Profile), Runbook: full(l.Runbook)}
	m.AckURL = base + "/ack/" + s.AckToken(p.ID, n.Person, s.Now().Add(24*time.Hour))
	return m
}

// maxLines is how many pages a digest lists; it says how many more there are.
const maxLines = 20

// digest makes m list the pages of a bundle, the worst first.
func digest(m Message, out outgoing, base string) Message {
	var all []Page
	for _, l := range append([]line{out.line}, out.with...) {
		if !slices.ContainsFunc(all, func(p Page) bool { return p.ID == l.p.ID }) {
			all = append(all, l.p)
		}
	}
	slices.SortStableFunc(all, func(a, b Page) int {
		switch {
		case a.Severity.Worse(b.Severity):
			return -1
		case b.Severity.Worse(a.Severity):
			return 1
		}
		return cmp.Compare(a.OpenedAt.UnixNano(), b.OpenedAt.UnixNano())
	})
	worst := all[0]
	m.Severity, m.Service, m.More = worst.Severity, worst.Service, len(all)-1
	m.Title = fmt.Sprintf("%s %s", worst.Severity, worst.Service)
	if m.More > 0 {
		m.Title = fmt.Sprintf("%s %s and %d more pages", worst.Severity, worst.Service, m.More)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d pages in one message:\n", len(all))
	for i, p := range all {
		if i == maxLines {
			fmt.Fprintf(&b, "\nand %d more", len(all)-i)
			break
		}
		fmt.Fprintf(&b, "\n%s %s: %s", p.Severity, p.Service, base+"/pages/"+string(p.ID))
	}
	m.Text, m.PageURL = b.String(), base+"/oncall"
	return m
}

// changed has the messages of a page that was acknowledged or resolved changed, where the channel can.
func (s *Service) changed(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
	ns, err := tx.Notifications(ctx, ID(e.Subject), "", 1000)
	if err != nil {
		return err
	}
	for _, n := range ns {
		if _, ok := s.channels[n.Channel].(Updater); !ok || n.Receipt == "" || n.In != "" {
			continue
		}
		if err := tx.Enqueue(ctx, job.New(s.forChannel(jobUpdate, n.Channel), string(n.ID), now, nil)); err != nil {
			return err
		}
	}
	return nil
}

// update changes one message to what its page has become. It is given up after a few attempts: the page itself is right.
func (s *Service) update(ctx context.Context, j job.Job) error {
	var out outgoing
	bundled := false
	err := s.Store.View(ctx, func(tx Tx) error {
		n, err := tx.Notification(ctx, NotificationID(j.Key))
		if err != nil {
			return err
		}
		with, err := tx.With(ctx, n.ID)
		if err != nil {
			return err
		}
		bundled = len(with) > 0
		out.line, err = s.lineOf(ctx, tx, n)
		return err
	})
	if err != nil {
		return fmt.Errorf("read notification %s: %w", j.Key, err)
	}
	up, ok := s.channels[out.n.Channel].(Updater)
	if !ok || bundled || out.n.Receipt == "" { // a bundle is about many pages
		return nil
	}
	m := s.message(out)
	m.AckURL = ""
	switch out.p.State {
	case Acked:
		m.Status = "Acknowledged by " + out.p.AckedBy
	case Resolved:
		m.Status = "Resolved: " + out.p.Reason
	default:
		return nil
	}
	short, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err = up.Update(short, m, out.n.Receipt)
	if err == nil || errs.Is(err, errs.Invalid) || j.Attempts >= 4 {
		return nil
	}
	return fmt.Errorf("change the message of %s: %w", out.n.ID, err)
}
