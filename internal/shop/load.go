package shop

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// customerPatience is how long a customer waits for an answer.
const customerPatience = 3 * time.Second

// mostInFlight bounds the customers who wait at the same time.
const mostInFlight = 4000

// journey is what one customer, partner, colleague or job wants.
type journey struct {
	name    string
	weight  float64
	service string
	method  string
	path    string
}

// journeys are weighted so that at 25 per second each service gets at least one
// request per second.
func journeys() []journey {
	return []journey{
		{"browse", 5, "storefront-web", "GET", "/"},
		{"search", 3.5, "storefront-web", "GET", "/search"},
		{"cart", 3, "storefront-web", "POST", "/cart"},
		{"checkout", 2.5, "storefront-web", "POST", "/checkout"},
		{"mobile-home", 2, "mobile-api", "GET", "/home"},
		{"mobile-buy", 1.5, "mobile-api", "POST", "/buy"},
		{"account", 2.5, "account-web", "GET", "/account"},
		{"subscription", 1.3, "account-web", "POST", "/subscription"},
		{"backoffice", 1.3, "backoffice-web", "GET", "/orders"},
		{"partner-feed", 1.4, "partner-api", "GET", "/feed"},
		{"billing-job", 1.3, "billing-worker", "POST", "/run"},
		{"email-job", 1.3, "email-worker", "POST", "/run"},
		{"reporting-job", 1.3, "reporting-worker", "POST", "/run"},
	}
}

// load plays the customers: requests arrive at random moments at a given rate,
// no matter how the shop feels (an open loop).
type load struct {
	directory map[string]*service
	rate      float64
	journeys  []journey
	client    *http.Client
	inFlight  atomic.Int64
	wg        sync.WaitGroup

	mu      sync.Mutex
	tallies map[string]*tally
	order   []string
	surges  map[string]context.CancelFunc
	running context.Context //nolint:containedctx // surges end with the generator
}

func newLoad(directory map[string]*service, rate float64) *load {
	l := &load{directory: directory, rate: rate, journeys: journeys(), tallies: map[string]*tally{}, surges: map[string]context.CancelFunc{}}
	l.client = &http.Client{
		Timeout: customerPatience,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, host string) (net.Conn, error) {
				name, _, _ := net.SplitHostPort(host)
				var d net.Dialer
				return d.DialContext(ctx, "tcp", *directory[name].address.Load())
			},
			MaxIdleConnsPerHost: 64, IdleConnTimeout: 20 * time.Second, DisableCompression: true,
		},
	}
	for _, j := range l.journeys {
		l.tally(j.name)
	}
	return l
}

// start begins to send until ctx ends.
func (l *load) start(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = ctx
	if l.rate <= 0 {
		return
	}
	total := 0.0
	for _, j := range l.journeys {
		total += j.weight
	}
	l.wg.Go(func() {
		l.arrive(ctx, l.rate, func() {
			at := rand.Float64() * total
			for _, j := range l.journeys {
				if at -= j.weight; at < 0 {
					l.send(ctx, j)
					return
				}
			}
		})
	})
}

// stop waits for the generator, whose ctx has ended, and for the last answers.
func (l *load) stop() {
	l.wg.Wait()
	l.client.CloseIdleConnections()
}

// arrive calls fire at the moments of a Poisson process.
func (l *load) arrive(ctx context.Context, rate float64, fire func()) {
	next := time.Now()
	for {
		next = next.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second)))
		wait := time.Until(next)
		if wait < -time.Second { // the machine stood still: do not send it all at once
			next = time.Now()
		}
		if wait > 0 {
			pause(ctx, wait)
		}
		if ctx.Err() != nil {
			return
		}
		fire()
	}
}

// send makes one request without waiting for it.
func (l *load) send(ctx context.Context, j journey) {
	if l.inFlight.Add(1) > mostInFlight {
		l.inFlight.Add(-1)
		l.record(j.name, time.Now(), "too many customers waiting", false)
		return
	}
	l.wg.Go(func() {
		defer l.inFlight.Add(-1)
		problem, defaults := l.ask(ctx, j)
		if ctx.Err() == nil {
			l.record(j.name, time.Now(), problem, defaults)
		}
	})
}

// ask makes one request and returns what went wrong and whether defaults were used.
func (l *load) ask(ctx context.Context, j journey) (problem string, defaults bool) {
	request, err := http.NewRequestWithContext(ctx, j.method, "http://"+j.service+j.path, http.NoBody)
	if err != nil {
		return err.Error(), false
	}
	request.Header.Set("User-Agent", "customer/1")
	response, err := l.client.Do(request)
	if err != nil {
		if isTimeout(err) {
			return "no answer within " + customerPatience.String(), false
		}
		return "connection failed", false
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "answer cut off", false
	}
	if response.StatusCode >= 400 {
		return "status " + strconv.Itoa(response.StatusCode), false
	}
	return "", response.Header.Get("X-Defaults-Used") != ""
}

// surge multiplies the traffic of a service by sending it extra requests; a
// factor of one ends that.
func (l *load) surge(s *service, factor float64, now time.Time) {
	name := s.spec.Name
	l.mu.Lock()
	defer l.mu.Unlock()
	cancel := l.surges[name]
	if (factor > 1) == (cancel != nil) || l.running == nil {
		return
	}
	if factor <= 1 {
		cancel()
		delete(l.surges, name)
		return
	}
	up := max(1, min(10, now.Sub(s.identity.Load().started).Seconds()))
	usual := max(1, float64(s.traffic.state(now).recent)/up)
	const most = 2000
	ctx, cancel := context.WithCancel(l.running)
	l.surges[name] = cancel
	r := s.spec.Routes[0]
	j := journey{name: "surge " + name, service: name, method: r.Method, path: r.Path}
	l.wg.Go(func() { l.arrive(ctx, min(most, (factor-1)*usual), func() { l.send(l.running, j) }) })
}
