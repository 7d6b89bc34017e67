package near_test

import (
	"testing"

	"nightkeeper/internal/kit/near"
)

func TestToFindsWhatWasMeant(t *testing.T) {
	for name, want := range map[string]string{
		"paymnt-api": "payment-api", "PAYMENT-API": "payment-api", "zebra": "", "": "",
	} {
		if got := near.To(name, []string{"payment-api", "cart-api"}); got != want {
			t.Errorf("To(%q): got %q, want %q", name, got, want)
		}
	}
}
