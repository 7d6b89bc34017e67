package diagnose

import (
	"fmt"
	"math"
	"time"
)

// noticed is the delay that weighs half: what a service takes longer than that is likely to be felt by its callers.
const noticed = 150 * time.Millisecond

// slow: requests spend longer in the service itself, calls and waits left aside.
func slow(c *cast, n *node) *finding {
	l := n.later
	sh := l.share - c.usually
	if !l.known || sh < 0.04 {
		return nil
	}
	delay := time.Duration(float64(l.added-c.added) / max(sh, 0.05))
	if queued := per(n.During.QueueWait, n.During.Requests) - per(n.Before.QueueWait, n.Before.Requests); sh > 0.2 && delay > 0 {
		delay += max(queued, 0)
	}
	if delay <= 0 {
		return nil
	}
	weight := float64(delay) / float64(delay+noticed)
	f := &finding{Suspect: Suspect{Kind: Slow, Score: 0.95 * math.Pow(sh, 0.25) * weight, Evidence: []Evidence{{
		Text: fmt.Sprintf("%.0f %% of requests spend over %s in %s itself, before %.0f %% did; the 90th percentile went from %s to %s",
			100*share(n.During.SlowerThan(l.limit), n.During.SelfHist.Count()), l.limit, n.name, 100*l.was, n.Before.SelfHist.Quantile(0.9), n.During.SelfHist.Quantile(0.9)),
		Link: profile(n.name, c.Scene),
	}}}}
	storm(c, n, f)
	return f
}

// storm turns a slow service into a retry storm when repeats are a large part of what it gets.
func storm(c *cast, n *node, f *finding) {
	resent := share(n.in.During.Resends, n.in.During.Requests)
	wasResent := share(n.in.Before.Resends, n.in.Before.Requests)
	if n.in.During.Resends < minEvents || resent < 0.15 || resent < 2*wasResent {
		return
	}
	f.Kind = RetryStorm
	times := float64(n.in.During.Requests) / max(float64(n.in.Before.Requests)*c.ratio, 1)
	f.Evidence = append(f.Evidence, Evidence{
		Text: fmt.Sprintf("%.0f %% of the calls to it from %d services are repeats of failed ones (%.0f %% before); it gets %.1f times its usual calls", 100*resent, n.callers, 100*wasResent, times),
		Link: "/map?focus=" + n.name,
	})
	if waited := n.During.QueueWait - n.Before.QueueWait; waited > time.Second {
		f.Evidence = append(f.Evidence, Evidence{Text: fmt.Sprintf("requests waited %s in its queue in all", waited.Round(time.Second)), Link: traces(n.name, c.Scene)})
	}
}

// minUsual is how much of the time before must be known to say how much traffic is usual.
const minUsual = 20 * time.Second

// surge: customers send a service far more requests than usual. Requests of other services do not count: more of those
// come from a surge further up, or from repeats there.
func surge(c *cast, n *node) *finding {
	roots, expected := float64(n.During.Roots), float64(n.Before.Roots)*c.ratio
	if n.Before.Requests < minEvents || roots < 20 || c.BeforeSpan < minUsual {
		return nil
	}
	_, first := n.firsts()
	usual := max(float64(first)-(roots-expected), 1)
	times := float64(first) / usual
	chance := (roots - expected) / math.Sqrt(roots+max(expected, 1)*c.ratio)
	if times < 1.6 || chance < 4 {
		return nil
	}
	return &finding{Suspect: Suspect{Kind: TrafficSurge, Score: 0.95 * math.Sqrt(1-1/times), Evidence: []Evidence{{
		Text: fmt.Sprintf("%s gets %.1f times its usual requests, repeats not counted: customers sent %.0f since %s, where about %.0f were usual", n.name, times, roots, clock(c.Onset), expected),
		Link: "/services/" + n.name,
	}}}}
}

// pool: requests wait for connections to something that answers as fast and as well as ever.
func pool(c *cast, n *node) *finding {
	wait := per(n.During.PoolWait, n.During.Requests)
	was := per(n.Before.PoolWait, n.Before.Requests)
	if n.During.Requests < minEvents || wait < 20*time.Millisecond || wait < 5*was {
		return nil
	}
	worst, who := c.growth(n), "it gets more requests"
	if own := float64(n.During.SelfHist.Mean()) / float64(max(n.Before.SelfHist.Mean(), 20*time.Millisecond)); own > worst {
		worst, who = own, "it takes longer itself"
	}
	for _, callee := range c.callees[n.name] {
		if w := c.byName[callee].worse(); w > worst {
			worst, who = w, callee+" answers worse"
		}
	}
	worst = max(worst, 1)
	text := fmt.Sprintf("a request waits %s for a connection in %s (%s before), while what it calls answers about as before", wait.Round(time.Millisecond), n.name, was.Round(time.Millisecond))
	if worst > 1.5 {
		text = fmt.Sprintf("a request waits %s for a connection in %s (%s before); %s, %.1f times", wait.Round(time.Millisecond), n.name, was.Round(time.Millisecond), who, worst)
	}
	weight := float64(wait) / float64(wait+noticed/3)
	return &finding{symptom: true, Suspect: Suspect{Kind: PoolExhaustion, Score: 0.95 * math.Sqrt(weight) / math.Pow(worst, 0.7), Evidence: []Evidence{{Text: text, Link: traces(n.name, c.Scene)}}}}
}
