package shop

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// effects are what the active faults do to the requests of one service. They
// are replaced as a whole when a fault starts or ends.
type effects struct {
	faults []FaultSpec
	hang   chan struct{} // closed when the service answers again; nil otherwise
}

// hits says whether a fault affects a request of this caller.
func hits(f FaultSpec, from string) bool {
	if f.From != "" && f.From != from {
		return false
	}
	return rand.Float64() < f.share()
}

// latency is how long the service's own work takes this time.
func (e *effects) latency(base time.Duration, from string) time.Duration {
	var add time.Duration
	for _, f := range e.faults {
		if f.Kind == Slow && hits(f, from) {
			if f.Latency > 0 {
				base = time.Duration(f.Latency)
			}
			add += time.Duration(f.Add)
		}
	}
	return time.Duration(float64(base+add) * (0.85 + 0.3*rand.Float64()))
}

// failure is why the service itself cannot answer this request, or nil.
func (e *effects) failure(s *service, rt *route, from string) *failure {
	for _, f := range e.faults {
		switch f.Kind {
		case BadVersion:
			if hits(f, from) {
				return panicked(s, rt)
			}
		case CorruptData:
			if hits(f, from) {
				return corrupted(rt)
			}
		case Errors:
			if hits(f, from) {
				status := f.Status
				if status == 0 {
					status = http.StatusInternalServerError
				}
				return &failure{status, fmt.Sprint(status), fmt.Sprintf("%s %s failed: %s", rt.Method, rt.Path, http.StatusText(status))}
			}
		default:
		}
	}
	return nil
}

// panicked is what a bad release looks like: the line of a recovered panic.
func panicked(s *service, rt *route) *failure {
	return &failure{http.StatusInternalServerError, "panic", fmt.Sprintf(
		"panic serving %s %s: runtime error: invalid memory address or nil pointer dereference\n"+
			"goroutine %d [running]:\nshop/%s/handler.(*Handler).respond(0x0)\n\thandler/respond.go:88 +0x1c\n"+
			"shop/%s/handler.(*Handler).ServeHTTP\n\thandler/serve.go:41 +0x2a4",
		rt.Method, rt.Path, 100+rand.IntN(90000), s.spec.Name, s.spec.Name)}
}

// corrupted is what a row looks like whose checksum does not fit.
func corrupted(rt *route) *failure {
	return &failure{http.StatusInternalServerError, "checksum_mismatch", fmt.Sprintf(
		"checksum mismatch reading row %d of %s: stored %08x computed %08x", 1000+rand.IntN(900000), rt.Path[1:], rand.Uint32(), rand.Uint32())}
}
