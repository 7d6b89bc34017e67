package story

import (
	"strings"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/loop/page"
)

// Somebody saves a catalog with a mistake: it is named with its place, and the last good one keeps paging people.
func TestBadCatalogKeepsTheLastGoodOneInForce(t *testing.T) {
	t.Parallel()
	w := apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout")}, nil)
	w.Declare(apptest.Files{"shop.yaml": strings.Replace(apptest.Catalog("checkout"), "escalationPolicy: default", "escalationPolicy: defualt", 1)})
	err := w.App.Reload()
	if err == nil || !strings.Contains(err.Error(), `there is no EscalationPolicy named "defualt"; did you mean "default"?`) || !strings.Contains(err.Error(), "shop.yaml:14:") {
		t.Fatalf("reload: %v", err)
	}
	w.Outage("checkout")
	w.API.Await(page.KindOpened, 0)
}
