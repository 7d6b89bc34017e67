package shop

import "time"

// The numbers below are what makes the cascade possible, and each is a mistake
// seen in real shops: transactions that stay open during remote calls, one second of
// patience and three retries towards user-preferences-api without a breaker,
// and connection pools whose sum is larger than what the database accepts.
const (
	databaseLimit    = 160
	preferencesQueue = 500
)

// table is the whole shop. It is long because it is data: one entry per service.
func table() []ServiceSpec {
	specs := []ServiceSpec{
		// What customers and colleagues touch.
		{Name: "storefront-web", Team: "web", Tier: Critical, Version: "8.4.1", Latency: 8 * ms, Workers: 32, Instances: 3, RevenuePerRequest: 1.9,
			Routes: []RouteSpec{
				{"GET", "/", "session-api | user-preferences-api + catalog-api + recommendation-api + content-api"},
				{"GET", "/search", "session-api | user-preferences-api + search-api"},
				{"POST", "/cart", "session-api | user-preferences-api + cart-api"},
				{"POST", "/checkout", "session-api + feature-flag-api | user-preferences-api + checkout-api"},
			},
			Deps: []DepSpec{dep("session-api", 1500, 32), optional("feature-flag-api", 1500, 16), preferences(60), dep("catalog-api", 2000, 32),
				optional("recommendation-api", 2000, 32), optional("content-api", 1500, 16), dep("search-api", 2000, 32), dep("cart-api", 2000, 32), dep("checkout-api", 2800, 32)}},
		{Name: "mobile-api", Team: "mobile", Tier: Critical, Version: "5.12.0", Latency: 6 * ms, Workers: 12, Instances: 2, RevenuePerRequest: 1.6,
			Routes: []RouteSpec{
				{"GET", "/home", "session-api | user-preferences-api + recommendation-api + promotion-api"},
				{"POST", "/buy", "session-api | checkout-api/express"},
			},
			Deps: []DepSpec{dep("session-api", 1500, 16), preferences(20), optional("recommendation-api", 2000, 16), optional("promotion-api", 1500, 16), dep("checkout-api", 2800, 16)}},
		{Name: "account-web", Team: "identity", Tier: Standard, Version: "3.7.2", Latency: 8 * ms, Workers: 12, Instances: 2, RevenuePerRequest: 2.4,
			Routes: []RouteSpec{
				{"GET", "/account", "session-api | user-profile-api + wishlist-api + loyalty-api + order-api/history"},
				{"POST", "/subscription", "login-api | subscription-api"},
			},
			Deps: []DepSpec{dep("session-api", 1500, 16), dep("user-profile-api", 2000, 16), optional("wishlist-api", 2000, 16), optional("loyalty-api", 2000, 16),
				dep("order-api", 2000, 16), dep("login-api", 1500, 8), dep("subscription-api", 2800, 16)}},
		{Name: "backoffice-web", Team: "operations", Tier: Standard, Version: "2.3.0", Latency: 10 * ms, Workers: 8, Instances: 2,
			Routes: []RouteSpec{{"GET", "/orders", "login-api | support-api + order-api/history + returns-api"}},
			Deps:   []DepSpec{dep("login-api", 1500, 8), dep("support-api", 2500, 8), dep("order-api", 2000, 8), dep("returns-api", 2500, 8)}},
		{Name: "partner-api", Team: "partners", Tier: Standard, Version: "1.18.3", Latency: 8 * ms, Workers: 8, Instances: 1, RevenuePerRequest: 0.8,
			Routes: []RouteSpec{{"GET", "/feed", "catalog-api + review-api | warehouse-api + shipping-api"}},
			Deps:   []DepSpec{dep("catalog-api", 2000, 8), optional("review-api", 1500, 8), dep("warehouse-api", 1500, 8), dep("shipping-api", 1500, 8)}},

		// Buying.
		{Name: "checkout-api", Team: "checkout", Tier: Critical, Version: "6.2.4", Latency: 10 * ms, Workers: 12, Instances: 2,
			Routes: []RouteSpec{
				{"POST", "/checkout", "cart-api/items + pricing-api + inventory-api + address-api + gift-card-api | payment-api | order-api"},
				{"POST", "/express", "pricing-api + inventory-api | payment-api | order-api"},
			},
			Deps: []DepSpec{dep("cart-api", 1500, 16), dep("pricing-api", 1500, 16), dep("inventory-api", 1500, 16), dep("address-api", 1500, 8),
				optional("gift-card-api", 1500, 8), dep("payment-api", 2000, 16), dep("order-api", 2000, 16)}},
		{Name: "cart-api", Team: "checkout", Tier: Critical, Version: "4.9.0", Latency: 25 * ms, Workers: 12, Instances: 2,
			Routes: []RouteSpec{{"POST", "/cart", "shop-db:tx | pricing-api + user-preferences-api"}, {"GET", "/items", "shop-db"}},
			Deps:   []DepSpec{database(24), dep("pricing-api", 1500, 16), preferences(20)}},
		{Name: "pricing-api", Team: "pricing", Tier: Critical, Version: "7.0.3", Latency: 6 * ms, Workers: 4, Instances: 2,
			Routes: []RouteSpec{{"GET", "/prices", "promotion-api + tax-api"}},
			Deps:   []DepSpec{optional("promotion-api", 1500, 16), dep("tax-api", 1500, 16)}},
		{Name: "promotion-api", Team: "pricing", Tier: Standard, Version: "3.1.1", Latency: 5 * ms, Workers: 4, Instances: 1,
			Routes: []RouteSpec{{"GET", "/promotions", "coupon-api"}},
			Deps:   []DepSpec{optional("coupon-api", 1500, 12)}},
		{Name: "coupon-api", Team: "pricing", Tier: Standard, Version: "2.6.0", Latency: 4 * ms, Workers: 4, Instances: 1,
			Routes: []RouteSpec{{"GET", "/coupons", "shop-db"}},
			Deps:   []DepSpec{database(12)}},
		{Name: "tax-api", Team: "pricing", Tier: Standard, Version: "1.4.7", Latency: 4 * ms, Workers: 3, Instances: 1,
			Routes: []RouteSpec{{"GET", "/tax", "currency-api"}},
			Deps:   []DepSpec{dep("currency-api", 1500, 12)}},
		{Name: "currency-api", Team: "pricing", Tier: Standard, Version: "1.9.2", Latency: 3 * ms, Workers: 3, Instances: 1,
			Routes: []RouteSpec{{"GET", "/rates", ""}}},
		{Name: "inventory-api", Team: "inventory", Tier: Critical, Version: "5.3.3", Latency: 8 * ms, Workers: 4, Instances: 1,
			Routes: []RouteSpec{{"POST", "/reservations", "shop-db | warehouse-api"}},
			Deps:   []DepSpec{database(12), dep("warehouse-api", 1500, 12)}},
		{Name: "warehouse-api", Team: "inventory", Tier: Standard, Version: "2.2.8", Latency: 8 * ms, Workers: 3, Instances: 1,
			Routes: []RouteSpec{{"GET", "/stock", ""}}},
		{Name: "gift-card-api", Team: "payments", Tier: Experimental, Version: "0.9.4", Latency: 5 * ms, Workers: 2, Instances: 1,
			Routes: []RouteSpec{{"GET", "/balance", ""}}},
		{Name: "order-api", Team: "orders", Tier: Critical, Version: "9.1.0", Latency: 30 * ms, Workers: 12, Instances: 2,
			Routes: []RouteSpec{
				{"POST", "/orders", "shop-db:tx | user-preferences-api + shipping-api + notification-api + loyalty-api"},
				{"GET", "/history", "shop-db"},
			},
			Deps: []DepSpec{database(24), preferences(20), dep("shipping-api", 1500, 12), optional("notification-api", 1500, 12), optional("loyalty-api", 1500, 12)}},

		// Money.
		{Name: "payment-api", Team: "payments", Tier: Critical, Version: "6.8.2", Latency: 40 * ms, Workers: 12, Instances: 2,
			Routes: []RouteSpec{{"POST", "/payments", "shop-db:tx | fraud-detection-api + user-preferences-api | ledger-api"}},
			Deps:   []DepSpec{database(24), dep("fraud-detection-api", 1500, 16), preferences(20), dep("ledger-api", 1500, 12)}},
		{Name: "fraud-detection-api", Team: "risk", Tier: Critical, Version: "2.14.0", Latency: 35 * ms, Workers: 10, Instances: 2,
			Routes: []RouteSpec{{"POST", "/scores", "user-preferences-api"}},
			Deps:   []DepSpec{preferences(20)}},
		{Name: "ledger-api", Team: "payments", Tier: Critical, Version: "3.0.5", Latency: 6 * ms, Workers: 4, Instances: 1,
			Routes: []RouteSpec{{"POST", "/entries", "shop-db"}},
			Deps:   []DepSpec{database(12)}},
		{Name: "refund-api", Team: "payments", Tier: Standard, Version: "1.7.1", Latency: 20 * ms, Workers: 6, Instances: 2,
			Routes: []RouteSpec{{"POST", "/refunds", "shop-db:tx | payment-api"}},
			Deps:   []DepSpec{database(12), dep("payment-api", 2000, 12)}},
		{Name: "invoice-api", Team: "billing", Tier: Standard, Version: "2.5.6", Latency: 25 * ms, Workers: 8, Instances: 2,
			Routes: []RouteSpec{{"POST", "/invoices", "shop-db:tx | user-preferences-api + tax-api"}},
			Deps:   []DepSpec{database(16), preferences(20), dep("tax-api", 1500, 8)}},
		{Name: "subscription-api", Team: "billing", Tier: Critical, Version: "3.3.9", Latency: 30 * ms, Workers: 12, Instances: 2,
			Routes: []RouteSpec{{"POST", "/subscriptions", "shop-db:tx | user-preferences-api + payment-api | invoice-api"}},
			Deps:   []DepSpec{database(24), preferences(20), dep("payment-api", 2000, 12), optional("invoice-api", 1500, 12)}},

		// Finding.
		{Name: "catalog-api", Team: "catalog", Tier: Critical, Version: "11.0.2", Latency: 8 * ms, Workers: 5, Instances: 2,
			Routes: []RouteSpec{{"GET", "/products", "shop-db + media-api"}},
			Deps:   []DepSpec{database(16), optional("media-api", 1500, 16)}},
		{Name: "media-api", Team: "catalog", Tier: Standard, Version: "4.4.0", Latency: 4 * ms, Workers: 4, Instances: 1,
			Routes: []RouteSpec{{"GET", "/images", ""}}},
		{Name: "search-api", Team: "search", Tier: Critical, Version: "8.1.5", Latency: 30 * ms, Workers: 10, Instances: 2,
			Routes: []RouteSpec{{"GET", "/search", "user-preferences-api + catalog-api + suggest-api"}},
			Deps:   []DepSpec{preferences(20), dep("catalog-api", 1500, 16), optional("suggest-api", 1500, 12)}},
		{Name: "suggest-api", Team: "search", Tier: Experimental, Version: "0.8.1", Latency: 5 * ms, Workers: 2, Instances: 1,
			Routes: []RouteSpec{{"GET", "/suggestions", ""}}},
		{Name: "recommendation-api", Team: "search", Tier: Standard, Version: "5.5.1", Latency: 25 * ms, Workers: 10, Instances: 2,
			Routes: []RouteSpec{{"GET", "/recommendations", "user-preferences-api + catalog-api"}},
			Deps:   []DepSpec{preferences(20), dep("catalog-api", 1500, 16)}},
		{Name: "review-api", Team: "catalog", Tier: Experimental, Version: "1.2.0", Latency: 6 * ms, Workers: 2, Instances: 1,
			Routes: []RouteSpec{{"GET", "/reviews", "shop-db"}},
			Deps:   []DepSpec{database(8)}},
		{Name: "content-api", Team: "web", Tier: Standard, Version: "2.0.9", Latency: 5 * ms, Workers: 3, Instances: 1,
			Routes: []RouteSpec{{"GET", "/pages", ""}}},

		// The customer.
		{Name: "session-api", Team: "identity", Tier: Critical, Version: "6.6.0", Latency: 4 * ms, Workers: 8, Instances: 2,
			Routes: []RouteSpec{{"GET", "/session", "shop-db"}},
			Deps:   []DepSpec{database(16)}},
		{Name: "login-api", Team: "identity", Tier: Critical, Version: "4.1.3", Latency: 12 * ms, Workers: 4, Instances: 1,
			Routes: []RouteSpec{{"POST", "/login", "shop-db | audit-api"}},
			Deps:   []DepSpec{database(8), optional("audit-api", 1500, 8)}},
		{Name: "user-profile-api", Team: "identity", Tier: Standard, Version: "3.9.4", Latency: 20 * ms, Workers: 12, Instances: 2,
			Routes: []RouteSpec{{"GET", "/profile", "shop-db:tx | user-preferences-api + address-api"}},
			Deps:   []DepSpec{database(24), preferences(20), dep("address-api", 1500, 8)}},
		{Name: preferencesName, Team: "personalization", Tier: Critical, Version: "2.11.3", Latency: 50 * ms, Workers: 8, Instances: 2, QueueLimit: preferencesQueue, QueueTimeout: 10 * time.Second,
			Routes: []RouteSpec{{"GET", "/preferences", ""}}},
		{Name: "address-api", Team: "identity", Tier: Standard, Version: "1.5.5", Latency: 5 * ms, Workers: 3, Instances: 1,
			Routes: []RouteSpec{{"GET", "/addresses", ""}}},
		{Name: "wishlist-api", Team: "personalization", Tier: Standard, Version: "1.10.2", Latency: 20 * ms, Workers: 12, Instances: 2,
			Routes: []RouteSpec{{"GET", "/wishlist", "shop-db:tx | user-preferences-api"}},
			Deps:   []DepSpec{database(24), preferences(20)}},
		{Name: "loyalty-api", Team: "personalization", Tier: Standard, Version: "2.8.0", Latency: 20 * ms, Workers: 12, Instances: 2,
			Routes: []RouteSpec{{"GET", "/points", "shop-db:tx | user-preferences-api"}},
			Deps:   []DepSpec{database(24), preferences(20)}},
		{Name: "notification-api", Team: "messaging", Tier: Standard, Version: "4.0.7", Latency: 25 * ms, Workers: 12, Instances: 2,
			Routes: []RouteSpec{{"POST", "/notifications", "shop-db:tx | user-preferences-api"}},
			Deps:   []DepSpec{database(24), preferences(20)}},
		{Name: "email-worker", Team: "messaging", Tier: Standard, Version: "2.1.4", Latency: 20 * ms, Workers: 4, Instances: 1,
			Routes: []RouteSpec{{"POST", "/run", "notification-api + content-api"}},
			Deps:   []DepSpec{dep("notification-api", 2000, 8), optional("content-api", 1500, 4)}},
		{Name: "support-api", Team: "operations", Tier: Standard, Version: "1.3.8", Latency: 10 * ms, Workers: 6, Instances: 1,
			Routes: []RouteSpec{{"GET", "/tickets", "user-profile-api"}},
			Deps:   []DepSpec{dep("user-profile-api", 2000, 8)}},

		// Delivery.
		{Name: "shipping-api", Team: "delivery", Tier: Critical, Version: "5.0.1", Latency: 8 * ms, Workers: 4, Instances: 1,
			Routes: []RouteSpec{{"GET", "/rates", "shop-db | tracking-api"}},
			Deps:   []DepSpec{database(12), optional("tracking-api", 1500, 8)}},
		{Name: "tracking-api", Team: "delivery", Tier: Standard, Version: "1.6.6", Latency: 6 * ms, Workers: 2, Instances: 1,
			Routes: []RouteSpec{{"GET", "/parcels", ""}}},
		{Name: "returns-api", Team: "delivery", Tier: Standard, Version: "1.1.9", Latency: 20 * ms, Workers: 6, Instances: 2,
			Routes: []RouteSpec{{"POST", "/returns", "shop-db:tx | refund-api"}},
			Deps:   []DepSpec{database(12), dep("refund-api", 2500, 8)}},

		// The floor everything stands on.
		{Name: databaseName, Team: "database", Tier: Critical, Version: "16.4.0", Latency: 4 * ms, Workers: 8, Instances: 1, ConnLimit: databaseLimit, QueueLimit: 256,
			Routes: []RouteSpec{{"POST", "/query", ""}}},
		{Name: "feature-flag-api", Team: "platform", Tier: Standard, Version: "1.0.12", Latency: 2 * ms, Workers: 2, Instances: 1,
			Routes: []RouteSpec{{"GET", "/flags", ""}}},
		{Name: "audit-api", Team: "platform", Tier: Standard, Version: "2.7.0", Latency: 4 * ms, Workers: 3, Instances: 1,
			Routes: []RouteSpec{{"POST", "/events", "shop-db"}},
			Deps:   []DepSpec{database(8)}},
		{Name: "reporting-worker", Team: "operations", Tier: Experimental, Version: "0.14.0", Latency: 25 * ms, Workers: 4, Instances: 1,
			Routes: []RouteSpec{{"POST", "/run", "ledger-api + warehouse-api + currency-api + audit-api"}},
			Deps:   []DepSpec{dep("ledger-api", 1500, 4), dep("warehouse-api", 1500, 4), dep("currency-api", 1500, 4), optional("audit-api", 1500, 4)}},
		{Name: "billing-worker", Team: "billing", Tier: Standard, Version: "1.8.3", Latency: 20 * ms, Workers: 8, Instances: 1,
			Routes: []RouteSpec{{"POST", "/run", "invoice-api + refund-api"}},
			Deps:   []DepSpec{dep("invoice-api", 2000, 8), dep("refund-api", 2500, 8)}},
	}
	for i := range specs {
		if specs[i].QueueLimit == 0 {
			specs[i].QueueLimit = 64
		}
		if specs[i].QueueTimeout == 0 {
			specs[i].QueueTimeout = 3 * time.Second
		}
	}
	return specs
}

const ms = time.Millisecond

// dep is a call the service cannot do without.
func dep(name string, timeoutMS, pool int) DepSpec {
	return DepSpec{
		Name: name, Timeout: time.Duration(timeoutMS) * ms, Retries: 1, Backoff: 100 * ms, RetryPercent: -1,
		Pool: pool, PoolWait: time.Second,
		Breaker: BreakerSpec{Share: 0.6, MinCalls: 100, Window: 10 * time.Second, OpenFor: 5 * time.Second, Probes: 3},
	}
}

// optional is a call whose failure only costs quality.
func optional(name string, timeoutMS, pool int) DepSpec {
	d := dep(name, timeoutMS, pool)
	d.Fallback = true
	return d
}

// preferences is how everybody calls user-preferences-api: defaults exist, but
// only after four attempts of a second each, because no breaker is switched on.
func preferences(pool int) DepSpec {
	d := optional(preferencesName, 1000, pool)
	d.Retries = 3
	d.Breaker.Disabled = true
	return d
}

// database is a pool of connections to shop-db.
func database(pool int) DepSpec {
	d := dep(databaseName, 2000, pool)
	d.Breaker.Disabled = true
	return d
}
