package diagnose

import (
	"fmt"
	"math"
	"time"
)

// minEvents is how many requests or calls a service must show before it can be judged.
const minEvents = 4

// crash: callers find nobody there.
func crash(c *cast, n *node) *finding {
	refused, calls := n.in.During.Refused, n.in.During.Requests
	sh := least(refused, calls) - share(n.in.Before.Refused, n.in.Before.Requests)
	if refused < minEvents || sh < 0.1 {
		return nil
	}
	return &finding{Suspect: Suspect{Kind: Crash, Score: 0.6 + 0.4*sh, Evidence: []Evidence{{
		Text: fmt.Sprintf("%d of %d calls to %s were refused or cut since %s; before, %d of %d", refused, calls, n.name, clock(c.Onset), n.in.Before.Refused, n.in.Before.Requests),
		Link: traces(n.name, c.Scene),
	}}}}
}

// silent: a service to which customers come directly stopped reporting requests while others go on.
func silent(c *cast, n *node) *finding {
	expected := float64(n.Before.Roots) * c.ratio
	if n.foreign || expected < 10 || n.During.Requests > 0 || c.quiet() > 0.4 {
		return nil
	}
	return &finding{Suspect: Suspect{Kind: Crash, Score: 0.5, Evidence: []Evidence{{
		Text: fmt.Sprintf("%s has reported no request since %s, where about %.0f were usual", n.name, clock(c.Onset), expected),
		Link: "/services/" + n.name,
	}}}}
}

// quiet is the share of services from which nothing is heard: when it is large, telemetry is what failed.
func (c *cast) quiet() float64 {
	var quiet, known int64
	for _, n := range c.nodes {
		if n.Before.Requests >= minEvents {
			known++
			if n.During.Requests == 0 {
				quiet++
			}
		}
	}
	return share(quiet, known)
}

// hang: callers give up, and the service neither answers nor waits for anybody.
func hang(c *cast, n *node) *finding {
	gaveUp, asked, wasUp, was := n.in.During.Timeouts, n.in.During.Requests, n.in.Before.Timeouts, n.in.Before.Requests
	if share(n.During.Hung, n.During.Requests) > share(gaveUp, asked) {
		gaveUp, asked, wasUp, was = n.During.Hung, n.During.Requests, n.Before.Hung, n.Before.Requests
	}
	sh := least(gaveUp, asked) - share(wasUp, was)
	if gaveUp < minEvents || sh < 0.1 {
		return nil
	}
	if late := n.late(c); late >= max(2, n.During.Hung/4) {
		return nil // it answers, only late
	}
	own := 1.0
	if !n.foreign {
		others := n.During.Passed + n.held(c)
		own = share(n.During.Hung+1, n.During.Hung+1+others)
	}
	good := n.During.Requests - n.During.Errors
	return &finding{symptom: true, Suspect: Suspect{Kind: Hang, Score: (0.55 + 0.45*math.Sqrt(sh)) * own, Evidence: []Evidence{{
		Text: fmt.Sprintf("callers gave up on %d of %d requests to %s; it answered %d well where about %.0f were usual, and was not waiting for others", gaveUp, asked, n.name, good, float64(n.Before.Requests-n.Before.Errors)*c.ratio),
		Link: traces(n.name, c.Scene),
	}}}}
}

// patience is the least time for which callers wait before they give up, as far as anybody configures less.
const patience = 300 * time.Millisecond

// late is how many good answers took far longer than usual in the service itself.
func (n *node) late(c *cast) int64 {
	limit := max(3*n.Before.SelfHist.Quantile(0.95), patience)
	usual := float64(n.Before.SlowerThan(limit)) * c.ratio
	return max(n.During.SlowerThan(limit)-int64(usual), 0)
}

// held is how many requests took long because of others: in all, and not in the service itself.
func (n *node) held(c *cast) int64 {
	if n.foreign {
		return 0
	}
	limit := max(3*n.Before.Hist.Quantile(0.95), patience)
	var long int64
	for i := range n.During.Hist {
		if n.During.Hist.Bound(i) > limit {
			long += int64(n.During.Hist[i])
		}
	}
	good := n.During.Requests - n.During.Errors
	return max(min(long-n.During.Errors, good)-n.late(c), 0)
}

// failing: requests fail in the service without a failed call, a wait or overload that would explain it.
func failing(c *cast, n *node) *finding {
	origin, requests := n.During.Origin, n.During.Requests
	was := share(n.Before.Origin, n.Before.Requests)
	sh := least(origin, requests) - was
	if origin < minEvents || sh < 0.01 {
		return nil
	}
	score := 0.5 + 0.45*math.Sqrt(sh)
	if n.logs.lines > 2 && n.logs.own == 0 {
		score *= 0.5 // it says itself that others are the reason
	}
	ev := []Evidence{{
		Text: fmt.Sprintf("%d of %d requests fail in %s itself, with no failed call behind them (%.1f %% before)", origin, requests, n.name, 100*was),
		Link: traces(n.name, c.Scene),
	}}
	if n.logs.sample != "" {
		ev = append(ev, Evidence{Text: "it logs: " + cut(n.logs.sample, 160), Link: logLink(n.name, c.Scene)})
	}
	return &finding{Suspect: Suspect{Kind: Errors, Score: score, Evidence: ev}}
}

// denying: the service answers its callers' requests as wrong, which it does not count as a failure.
func denying(c *cast, n *node) *finding {
	denied, calls := n.in.During.Denied, n.in.During.Requests
	sh := least(denied, calls) - share(n.in.Before.Denied, n.in.Before.Requests)
	if denied < minEvents || sh < 0.01 {
		return nil
	}
	return &finding{Suspect: Suspect{Kind: Errors, Score: 0.45 + 0.45*math.Sqrt(sh), Evidence: []Evidence{{
		Text: fmt.Sprintf("%s answers %d of %d calls with a 4xx since %s; before, %d of %d", n.name, denied, calls, clock(c.Onset), n.in.Before.Denied, n.in.Before.Requests),
		Link: traces(n.name, c.Scene),
	}}}}
}

// corrupt: the service says that its data are damaged, and requests fail for it.
func corrupt(c *cast, n *node) *finding {
	if n.logs.corrupt < 2 {
		return nil
	}
	score := 0.98
	if least(n.During.Errors, n.During.Requests) <= share(n.Before.Errors, n.Before.Requests) {
		score = 0.45 // it has been saying so without anybody noticing
	}
	return &finding{Suspect: Suspect{Kind: DataCorruption, Score: score, Evidence: []Evidence{{
		Text: fmt.Sprintf("%d error lines of %s report damaged data: %s", n.logs.corrupt, n.name, cut(n.logs.corrupted, 160)),
		Link: logLink(n.name, c.Scene),
	}}}}
}
