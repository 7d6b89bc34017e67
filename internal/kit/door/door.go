package door

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"nightkeeper/internal/kit/errs"
)

// Caller is a program that sends. Its integration is the name of its token.
type Caller struct {
	Integration string
	May         func(scope string) bool
}

// Scope is what a token needs to send alerts.
const Scope = "intake"

// Config says who may come in and how much they may bring. Who is required; zero numbers are good defaults.
type Config struct {
	Who      func(ctx context.Context, secret string) (Caller, error) // code denied when the secret is nobody's
	Slots    int                                                      // requests at once; default 32
	Share    int                                                      // of them for one integration; default a quarter
	Patience time.Duration                                            // how long a request waits for a slot; default 5 s
	Rate     float64                                                  // alerts per second of one integration; default 10,000
	Burst    float64                                                  // alerts at once of one integration; default 50,000
	MaxBody  int64                                                    // bytes of a body after inflation; default 8 MiB
	MaxBatch int                                                      // alerts of one request; default 10,000
	Now      func() time.Time
	Saw      func(Seen) // is told what came, for people to look at; it must not wait. nil: nobody is
}

// Seen is a request that was let in, and what became of it.
type Seen struct {
	Integration string
	Format      string // what the sender speaks
	Body        []byte
	Alerts      int
	Refused     string // why, as the sender was told; empty: it was taken
}

// Door lets requests in. It is safe for concurrent use.
type Door struct {
	Config
	slots chan struct{}
	mu    sync.Mutex
	known map[string]*account
}

// account is what one integration uses.
type account struct {
	share chan struct{}
	left  float64 // alerts that may come at once
	at    time.Time
}

// New returns a door.
func New(c Config) *Door {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&c.Slots, 32)
	set(&c.Share, max(1, c.Slots/4))
	set(&c.MaxBatch, 10_000)
	if c.Patience <= 0 {
		c.Patience = 5 * time.Second
	}
	if c.Rate <= 0 {
		c.Rate = 10_000
	}
	if c.Burst <= 0 {
		c.Burst = 50_000
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 8 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Door{Config: c, slots: make(chan struct{}, c.Slots), known: map[string]*account{}}
}

// Secret returns the token of a request as clients send it: a bearer token, the password of basic authentication, or a
// GenieKey; "" when there is none.
func Secret(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "GenieKey") {
		return strings.TrimSpace(secret)
	}
	return ""
}

// Visit is a request that was let in. Leave must be called.
type Visit struct {
	Caller
	door *Door
	acc  *account
	w    http.ResponseWriter
	r    *http.Request
}

// Enter finds out who sends a request with a secret and waits for a slot. An error has the code denied when the secret is
// not valid or the token lacks the scope, and unavailable when there is no slot in time; StatusOf tells them apart.
func (d *Door) Enter(w http.ResponseWriter, r *http.Request, secret string) (*Visit, error) {
	if secret == "" {
		return nil, &refusal{http.StatusUnauthorized, errs.New(errs.Denied, "a token with the scope %s is required", Scope)}
	}
	c, err := d.Who(r.Context(), secret)
	if errs.Is(err, errs.Denied) {
		return nil, &refusal{http.StatusUnauthorized, err}
	}
	if err != nil {
		return nil, err
	}
	if !c.May(Scope) {
		return nil, errs.New(errs.Denied, "this needs a token with the scope %s", Scope)
	}
	acc := d.account(c.Integration)
	ctx, cancel := context.WithTimeout(r.Context(), d.Patience)
	defer cancel()
	for _, slot := range []chan struct{}{acc.share, d.slots} {
		select {
		case slot <- struct{}{}:
			continue
		case <-ctx.Done():
		}
		if slot == d.slots {
			<-acc.share
		}
		return nil, busy(time.Second, "too many requests at once; try again")
	}
	return &Visit{c, d, acc, w, r}, nil
}

// Context returns the context of the request.
func (v *Visit) Context() context.Context { return v.r.Context() }

// Leave gives the slot back.
func (v *Visit) Leave() {
	<-v.door.slots
	<-v.acc.share
}

// Saw tells of a body that came with the visit, and why it was refused if it was. What is not the sender's fault is no refusal.
func (v *Visit) Saw(format string, body []byte, alerts int, refused string) {
	if v.door.Config.Saw != nil {
		v.door.Config.Saw(Seen{v.Integration, format, body, alerts, refused})
	}
}

// mostAccounts bounds the memory for names of tokens.
const mostAccounts = 10_000

func (d *Door) account(name string) *account {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.known[name]
	if a == nil {
		if len(d.known) >= mostAccounts {
			for n, old := range d.known {
				if len(old.share) == 0 {
					delete(d.known, n)
				}
			}
		}
		a = &account{share: make(chan struct{}, d.Share), left: d.Burst, at: d.Now()}
		d.known[name] = a
	}
	return a
}

// Take counts alerts against what the integration may send. An error has the code invalid for a batch that is too large,
// and unavailable with the time to wait when they come too fast; then none of them counts.
func (v *Visit) Take(alerts int) error {
	d := v.door
	if alerts > d.MaxBatch {
		return &refusal{http.StatusRequestEntityTooLarge, errs.New(errs.Invalid, "%d alerts in one request; send at most %d", alerts, d.MaxBatch)}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.Now()
	v.acc.left = min(d.Burst, v.acc.left+max(0, now.Sub(v.acc.at).Seconds())*d.Rate)
	v.acc.at = now
	if over := float64(alerts) - v.acc.left; over > 0 {
		wait := time.Duration(over / d.Rate * float64(time.Second))
		return busy(max(time.Second, wait), "integration "+v.Integration+" sends alerts faster than it may; try again")
	}
	v.acc.left -= float64(alerts)
	return nil
}

// bodyTimeout is how long a sender may take for its body.
const bodyTimeout = 15 * time.Second

// Body reads the body of the request, inflated. An error says what is wrong with it.
func (v *Visit) Body() ([]byte, error) { return Read(v.w, v.r, v.door.MaxBody) }

// Read reads a body of at most limit bytes, inflated, of a request that has not entered because its body says who sends it.
func Read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	// An error only says that this connection knows no deadlines.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	var in io.Reader = http.MaxBytesReader(w, r.Body, limit)
	switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, unread(err)
		}
		in = z
	default:
		return nil, &refusal{http.StatusUnsupportedMediaType, errs.New(errs.Invalid, "Content-Encoding must be gzip or absent, not %.40q", enc)}
	}
	b, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, unread(err)
	}
	if int64(len(b)) > limit {
		return nil, unread(&http.MaxBytesError{Limit: limit})
	}
	return b, nil
}

func unread(err error) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return &refusal{http.StatusRequestEntityTooLarge, errs.New(errs.Invalid, "the body is over %d bytes; send smaller batches", over.Limit)}
	}
	return errs.Wrap(err, errs.Invalid, "the body could not be read")
}

// refusal is an error that HTTP has a closer word for than its code.
type refusal struct {
	status int
	error
}

// Unwrap returns the error with its code.
func (r *refusal) Unwrap() error { return r.error }

func busy(wait time.Duration, message string) error {
	e := errs.New(errs.Unavailable, "%s", message)
	e.Wait = wait
	return &tooFast{e}
}

// tooFast marks an error that is about how much is sent.
type tooFast struct{ error }

// Unwrap returns the error with its code.
func (t *tooFast) Unwrap() error { return t.error }

var statuses = map[errs.Code]int{
	errs.Invalid: http.StatusBadRequest, errs.NotFound: http.StatusNotFound, errs.Conflict: http.StatusConflict,
	errs.Denied: http.StatusForbidden, errs.Unavailable: http.StatusServiceUnavailable,
}

// TooFast reports whether an error is only that a sender has to be slower.
func TooFast(err error) bool {
	var t *tooFast
	return errors.As(err, &t)
}

// StatusOf returns the HTTP status of an error. Too much is 503 and never 429: Alertmanager gives up on anything but 5xx.
func StatusOf(err error) int {
	var r *refusal
	if errors.As(err, &r) {
		return r.status
	}
	if s := statuses[errs.CodeOf(err)]; s != 0 {
		return s
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
