package slo

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"nightkeeper/internal/loop/catalog"
)

const lintServices = `apiVersion: nightkeeper/v1
kind: Service
metadata: {name: checkout}
spec: {team: shop, dependsOn: [payments, cart, mail]}
---
apiVersion: nightkeeper/v1
kind: Service
metadata: {name: payments}
spec: {team: shop}
---
apiVersion: nightkeeper/v1
kind: Service
metadata: {name: cart}
spec: {team: shop}
---
apiVersion: nightkeeper/v1
kind: Service
metadata: {name: mail}
spec: {team: shop}
---
apiVersion: nightkeeper/v1
kind: Team
metadata: {name: shop}
spec: {members: []}
`

func declared(name, service, target, window, limit string) string {
	return fmt.Sprintf(`---
apiVersion: openslo/v1
kind: SLO
metadata: {name: %s}
spec:
  service: %s
  timeWindow: [{duration: %s, isRolling: true}]
  objectives: [{%s}]
  indicator: {spec: {ratioMetric: {good: {metricSource: {type: spans, spec: {errors: false%s}}}, total: {metricSource: {type: spans}}}}}
`, name, service, window, target, limit)
}

func TestObjectivesThatWillNotDoWhatIsExpectedAreWarnedOf(t *testing.T) {
	for _, c := range []struct{ slos, want string }{
		{declared("a", "mail", "target: 0.999", "30d", ""), ""},
		{declared("a", "mail", "target: 0.94", "28d", ""), ""},
		{declared("a", "mail", "target: 0.92", "28d", ""), "with a target of 92 % the budget cannot burn so fast that these rules fire: fast (13.44 times); all can above 92.55952 %"},
		{declared("a", "mail", "target: 0.8", "30d", ""), "fast (14.4 times), slow (6 times); all can above 93.05556 %"},
		{declared("a", "mail", "targetPercent: 0.999", "30d", ""), "the target is 0.999 %: most events may be bad"},
		{declared("a", "mail", "targetPercent: 99.9999", "30d", ""), "allows 2.6 s of outage in 30d"},
		{declared("a", "mail", "target: 0.999", "1d", ""), "the rule ticket looks at 3d, more than the window of 1d has"},
		{declared("a", "checkout", "target: 0.999", "30d", "") + declared("b", "payments", "target: 0.999", "30d", ""), ""},
		{declared("a", "checkout", "target: 0.9995", "30d", "") + declared("b", "payments", "target: 0.999", "30d", "") + declared("c", "cart", "target: 0.9998", "30d", "") + declared("d", "cart", "target: 0.9995", "30d", ""),
			"the target is 99.95 %, but what checkout depends on allows 99.85005 % when it needs all of it: b (99.9 %), d (99.95 %)"},
		{declared("a", "checkout", "target: 0.9995", "30d", "") + declared("b", "payments", "target: 0.99", "30d", ", maxDuration: 1s"), ""},
	} {
		cat, problems := catalog.Load(fstest.MapFS{"a.yaml": &fstest.MapFile{Data: []byte(lintServices + c.slos)}})
		if bad := catalog.Errors(problems); len(bad) > 0 {
			t.Fatal(bad)
		}
		var got []string
		for _, p := range Lint(cat) {
			if !p.Warning || p.Line < 25 {
				t.Errorf("%+v", p)
			}
			got = append(got, p.Message)
		}
		if all := strings.Join(got, "\n"); (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
			t.Errorf("got %q, want %q", all, c.want)
		}
	}
}
