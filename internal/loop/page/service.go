package page

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// Config is what a Service needs. BaseURL is where people reach the web page; Key signs acknowledge links; Alert and
// Events are what Why answers from, Alerts (of a group, or the newest of all) what a shadow report compares.
//
// With Shadow everything is decided and written down, and no channel is given a page or a notice: another system still
// pages. What would have gone out has the delivery Shadow. A test message is sent all the same, because somebody asks for it.
type Config struct {
	Shadow   bool
	Store    Store
	Alert    func(ctx context.Context, id detect.AlertID) (detect.Alert, error)
	Alerts   func(ctx context.Context, group detect.GroupID) ([]detect.Alert, error)
	Events   func(ctx context.Context, q event.Query) ([]event.Event, error)
	Catalog  func() *catalog.Catalog
	Channels []Channel
	BaseURL  func() string
	Key      []byte
	Now      func() time.Time
	Log      *slog.Logger
}

// Service opens pages and follows them until somebody answers. It is safe for concurrent use.
type Service struct {
	Config
	channels map[string]Channel
	limited  limits
	watched  atomic.Pointer[catalog.Catalog] // whose schedules are watched
}

// New returns a service.
func New(c Config) *Service {
	s := &Service{Config: c, channels: map[string]Channel{}}
	for _, ch := range c.Channels {
		s.channels[ch.Name()] = ch
	}
	return s
}

// open opens the page of an alert's group, or raises the one it has.
func (s *Service) open(ctx context.Context, tx Tx, a detect.Alert, now time.Time) error {
	if p, err := tx.PageOf(ctx, a.Group); err == nil {
		return s.raise(ctx, tx, p, a, now)
	} else if !errs.Is(err, errs.NotFound) {
		return err
	}
	c := s.Catalog()
	pol := c.PolicyFor(a.Service)
	if p := c.Policies[a.Policy]; p != nil {
		pol = p
	}
	p := Page{
		ID: ID(id.New("pg", now)), Group: a.Group, Service: a.Service, Severity: a.Severity, State: Open,
		Title: a.Headline(), Context: strings.TrimPrefix(a.Again+"; "+a.Reason, "; "), Links: a.Links, OpenedAt: now, ReleasedAt: now, Reason: "no runbook may hold it",
	}
	if p.Group.Synthetic() {
		return s.hold(ctx, tx, p, now.Add(roundHold), "the watchdog tries the timers", "the timers work", now)
	}
	var hold time.Duration
	if pol != nil {
		p.Policy = pol.Name
		hold = pol.HoldFor(string(a.Severity))
	}
	if until := c.WaitsUntil(a.Service, pol, string(a.Severity), now); !until.IsZero() {
		return s.hold(ctx, tx, p, until, fmt.Sprintf("it waits for support hours of %s, which begin at %s", pol.Name, until.UTC().Format("2006-01-02 15:04 UTC")), "support hours began", now)
	}
	// Nothing is diagnosed, and so nothing fixed, of what we do not watch ourselves: such a page does not wait.
	watched := a.Source == "" || len(c.SLOsOf(a.Service)) > 0
	if hold <= 0 || !watched || !c.MayHold() {
		return s.tell(ctx, tx, p, KindOpened, now)
	}
	return s.hold(ctx, tx, p, now.Add(hold), fmt.Sprintf("held for at most %s: a low-risk runbook may fix it first", catalog.Duration(hold)),
		fmt.Sprintf("held for %s and not fixed", catalog.Duration(hold)), now)
}

// hold saves a page that tells nobody yet, and the timer that tells people when nothing else does.
func (s *Service) hold(ctx context.Context, tx Tx, p Page, until time.Time, why, release string, now time.Time) error {
	p.State, p.HeldUntil, p.ReleasedAt, p.Reason = Held, until, time.Time{}, why
	if err := tx.SavePage(ctx, p); err != nil {
		return err
	}
	if err := tx.Enqueue(ctx, job.New(jobRelease, string(p.Group), until, Release{Group: p.Group, Reason: release})); err != nil {
		return err
	}
	return s.append(ctx, tx, KindHeld, p, event.System, p.Reason, nil, now)
}

func (s *Service) raise(ctx context.Context, tx Tx, p Page, a detect.Alert, now time.Time) error {
	if !a.Severity.Worse(p.Severity) {
		return nil
	}
	was := p.Severity
	p.Severity = a.Severity
	pol := s.Catalog().Policies[p.Policy]
	hold := pol.HoldFor(string(p.Severity))
	until := p.OpenedAt.Add(hold)
	if later := s.Catalog().WaitsUntil(p.Service, pol, string(p.Severity), now); !later.IsZero() {
		until = later
	}
	if p.State == Held && until.Before(p.HeldUntil) {
		p.HeldUntil = until
		r := Release{Group: p.Group, Reason: fmt.Sprintf("raised to %s, which is held for at most %s", p.Severity, hold)}
		if err := tx.Enqueue(ctx, job.New(jobRelease, string(p.Group), until, r)); err != nil {
			return err
		}
	}
	made, err := tx.Overrides(ctx, "", now, now.Add(time.Millisecond))
	if err != nil {
		return err
	}
	more := missed(p, s.Catalog(), made, now)
	for _, person := range more {
		p.Told = append(p.Told, person)
		if err := s.enqueue(ctx, tx, p, person, now); err != nil {
			return err
		}
	}
	if err := tx.SavePage(ctx, p); err != nil {
		return err
	}
	return s.append(ctx, tx, KindRaised, p, event.System, fmt.Sprintf("raised from %s to %s: %s", was, p.Severity, a.Headline()), more, now)
}

// release tells people of a held page. A page that is not held is left alone, but learns the context.
func (s *Service) release(ctx context.Context, tx Tx, r Release, now time.Time) error {
	p, err := tx.PageOf(ctx, r.Group)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.Context != "" {
		p.Context = r.Context
	}
	if p.State != Held {
		return tx.SavePage(ctx, p)
	}
	if err := tx.Cancel(ctx, jobRelease, string(r.Group)); err != nil {
		return err
	}
	return s.tell(ctx, tx, p.release(r.Reason, now), KindOpened, now)
}

// keep holds a page a little longer, once.
func (s *Service) keep(ctx context.Context, tx Tx, k Keep, now time.Time) error {
	p, err := tx.PageOf(ctx, k.Group)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	p, kept := p.keep(k.Reason, now)
	if !kept {
		return nil
	}
	if err := tx.SavePage(ctx, p); err != nil {
		return err
	}
	r := Release{Group: p.Group, Reason: k.Reason + ", but the alert still fires"}
	if err := tx.Enqueue(ctx, job.New(jobRelease, string(p.Group), p.HeldUntil, r)); err != nil {
		return err
	}
	return s.append(ctx, tx, KindHeld, p, event.System, p.Reason, nil, now)
}

// tell saves an open page, says so, and takes its first step.
func (s *Service) tell(ctx context.Context, tx Tx, p Page, kind string, now time.Time) error {
	text := "people are told"
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	if err := s.append(ctx, tx, kind, p, event.System, text, nil, now); err != nil {
		return err
	}
	if err := tx.SavePage(ctx, p); err != nil {
		return err
	}
	return s.escalate(ctx, tx, p.ID, now)
}

// escalate takes the next step of an open page's policy and sets the timer for the one after.
func (s *Service) escalate(ctx context.Context, tx Tx, pageID ID, now time.Time) error {
	p, err := tx.Page(ctx, pageID)
	if err != nil || p.State != Open {
		return err
	}
	made, err := tx.Overrides(ctx, "", now, now.Add(time.Millisecond))
	if err != nil {
		return err
	}
	esc := escalate(p, s.Catalog(), now, made...)
	p = esc.next
	for _, person := range esc.people {
		if !slices.Contains(p.Told, person) {
			p.Told = append(p.Told, person)
		}
		if err := s.enqueue(ctx, tx, p, person, now); err != nil {
			return err
		}
	}
	if err := tx.SavePage(ctx, p); err != nil {
		return err
	}
	kind, text := KindEscalated, fmt.Sprintf("%s: telling %s", esc.reason, strings.Join(esc.people, ", "))
	if esc.exhausted {
		kind, text = KindExhausted, esc.reason
	}
	if err := s.append(ctx, tx, kind, p, event.System, text, esc.people, now); err != nil {
		return err
	}
	if esc.exhausted {
		return nil
	}
	return tx.Enqueue(ctx, job.New(jobEscalate, string(p.ID), now.Add(esc.wait), nil))
}

// enqueue writes a notification for each contact of a person and a task to send it. The inbox is the notification itself.
func (s *Service) enqueue(ctx context.Context, tx Tx, p Page, person string, now time.Time) error {
	for _, c := range s.reach(p, person) {
		n := Notification{
			ID: NotificationID(id.New("ntf", now)), Page: p.ID, Person: person, Channel: c.Channel, Address: c.Address,
			Delivery: Queued, At: now, DueAt: now.Add(c.After),
		}
		if c.Channel == "inbox" {
			n.Delivery, n.SentAt = s.arrived(n.Channel), now
		}
		if err := tx.SaveNotification(ctx, n); err != nil {
			return err
		}
		if c.Channel == "inbox" {
			kind, text := s.toldBy(n)
			if err := s.notified(ctx, tx, p, n, kind, text, now); err != nil {
				return err
			}
			continue
		}
		if err := tx.Enqueue(ctx, job.New(s.forChannel(jobSend, n.Channel), string(n.ID), n.DueAt, nil)); err != nil {
			return err
		}
	}
	return nil
}

// reach returns the contacts by which a person is told of a page. A page of the watchdog comes back to us; the address tells
// one round from the other, so that many within a minute are no storm.
func (s *Service) reach(p Page, person string) []catalog.When {
	if p.Group.Synthetic() {
		return []catalog.When{{Contact: catalog.Contact{Channel: Loopback, Address: string(p.Group)}}}
	}
	if who := s.Catalog().People[person]; who != nil {
		return who.Reach(string(p.Severity))
	}
	return nil
}

func (s *Service) notified(ctx context.Context, tx Tx, p Page, n Notification, kind, text string, now time.Time) error {
	e := event.New(kind, now, event.System, string(p.ID), text, Notified{p, n})
	e.Service, e.Group = p.Service, string(p.Group)
	return tx.Append(ctx, e)
}

func (s *Service) append(ctx context.Context, tx Tx, kind string, p Page, actor, text string, people []string, now time.Time) error {
	return appendTo(ctx, tx, kind, p, actor, text, people, now)
}

func appendTo(ctx context.Context, tx event.Appender, kind string, p Page, actor, text string, people []string, now time.Time) error {
	e := event.New(kind, now, actor, string(p.ID), text, Changed{p, people})
	e.Service, e.Group = p.Service, string(p.Group)
	return tx.Append(ctx, e)
}

// Ack records that a person has taken the page. Acknowledging twice is no error: the first one stands.
func (s *Service) Ack(ctx context.Context, pageID ID, by string, now time.Time) (Page, error) {
	var p Page
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		if p, err = tx.Page(ctx, pageID); err != nil {
			return err
		}
		p, err = s.ack(ctx, tx, p, by, now)
		return err
	})
	return p, err
}

func (s *Service) ack(ctx context.Context, tx Tx, p Page, by string, now time.Time) (Page, error) {
	switch p.State {
	case Acked:
		return p, nil
	case Resolved:
		return p, errs.New(errs.Conflict, "the page is already resolved: %s", p.Reason)
	}
	p.State, p.AckedAt, p.AckedBy, p.Reason = Acked, now, by, "acknowledged by "+by
	if err := tx.SavePage(ctx, p); err != nil {
		return p, err
	}
	if err := tx.Cancel(ctx, jobEscalate, string(p.ID)); err != nil {
		return p, err
	}
	if err := tx.Cancel(ctx, jobRelease, string(p.Group)); err != nil {
		return p, err
	}
	if after := s.Catalog().AckTimeoutOf(p.Service, s.Catalog().Policies[p.Policy]); after > 0 {
		if err := tx.Enqueue(ctx, job.New(jobReopen, string(p.ID), now.Add(after), nil)); err != nil {
			return p, err
		}
	}
	return p, s.append(ctx, tx, KindAcked, p, by, by+" acknowledged the page", nil, now)
}

// untake has people told again of a page that somebody acknowledged and did not end in time.
func (s *Service) untake(ctx context.Context, tx Tx, pageID ID, now time.Time) error {
	p, err := tx.Page(ctx, pageID)
	if err != nil || p.State != Acked {
		return err
	}
	return s.again(ctx, tx, p, fmt.Sprintf("%s acknowledged it %s ago and it is not resolved", p.AckedBy, catalog.Duration(now.Sub(p.AckedAt))), now)
}

// again has people told again of an acknowledged page, from the first step.
func (s *Service) again(ctx context.Context, tx Tx, p Page, reason string, now time.Time) error {
	if err := tx.Cancel(ctx, jobReopen, string(p.ID)); err != nil {
		return err
	}
	return s.tell(ctx, tx, p.reopen(reason, now), KindReopened, now)
}

// Ender is what a transaction has to have for Ended.
type Ender interface {
	event.Appender
	job.Enqueuer
	PageOf(ctx context.Context, g detect.GroupID) (Page, error)
	SavePage(ctx context.Context, p Page) error
}

// Ended is the order to end the page of a group; one without a live page is no error. A later phase gives it in the
// transaction in which it ends what the page is about: an alert that comes after that opens another.
func Ended(ctx context.Context, tx Ender, g detect.GroupID, by, reason string, now time.Time) error {
	p, err := tx.PageOf(ctx, g)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if p.State == Held {
		reason += "; nobody was told"
	}
	p.State, p.ResolvedAt, p.Reason = Resolved, now, reason
	if err := tx.SavePage(ctx, p); err != nil {
		return err
	}
	if err := tx.Cancel(ctx, jobEscalate, string(p.ID)); err != nil {
		return err
	}
	if err := tx.Cancel(ctx, jobRelease, string(g)); err != nil {
		return err
	}
	if err := tx.Cancel(ctx, jobReopen, string(p.ID)); err != nil {
		return err
	}
	return appendTo(ctx, tx, KindResolved, p, by, "page resolved: "+reason, nil, now)
}

// Live returns the pages that are not resolved, the newest first.
func (s *Service) Live(ctx context.Context) (out []Page, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Pages(ctx, true, 1000)
		return err
	})
	return out, err
}

// Get returns a page with its notifications.
func (s *Service) Get(ctx context.Context, pageID ID) (p Page, ns []Notification, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		if p, err = tx.Page(ctx, pageID); err != nil {
			return err
		}
		ns, err = tx.Notifications(ctx, pageID, "", 1000)
		return err
	})
	return p, ns, err
}

// Of returns the unresolved page of a group, or an error with code not_found.
func (s *Service) Of(ctx context.Context, g detect.GroupID) (p Page, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		p, err = tx.PageOf(ctx, g)
		return err
	})
	return p, err
}

// Inbox returns what a person was told, the newest first.
func (s *Service) Inbox(ctx context.Context, person string) (out []Notification, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Notifications(ctx, "", person, 100)
		return err
	})
	return out, err
}

// AckToken returns a signed token that lets its holder acknowledge one page as one person until it expires.
func (s *Service) AckToken(p ID, person string, until time.Time) string {
	body := string(p) + "." + hex.EncodeToString([]byte(person)) + "." + strconv.FormatInt(until.Unix(), 36)
	return body + "." + s.sign(body)
}

// OpenAckToken returns what a token allows, or an error with code denied.
func (s *Service) OpenAckToken(token string, now time.Time) (ID, string, error) {
	parts := strings.Split(token, ".")
	denied := errs.New(errs.Denied, "this link is not valid; open the page and acknowledge there")
	if len(parts) != 4 || !hmac.Equal([]byte(parts[3]), []byte(s.sign(strings.Join(parts[:3], ".")))) {
		return "", "", denied
	}
	person, err := hex.DecodeString(parts[1])
	until, err2 := strconv.ParseInt(parts[2], 36, 64)
	if err != nil || err2 != nil {
		return "", "", denied
	}
	if now.After(time.Unix(until, 0)) {
		return "", "", errs.New(errs.Denied, "this link expired on %s", time.Unix(until, 0).UTC().Format(time.DateTime))
	}
	return ID(parts[0]), string(person), nil
}

func (s *Service) sign(body string) string {
	m := hmac.New(sha256.New, s.Key)
	m.Write([]byte("ack:" + body))
	return hex.EncodeToString(m.Sum(nil))
}
