// Package money is an amount in a currency: a decimal, never a float, with exactly as many decimals as ISO 4217 gives the
// currency.
//
// A [Money] that exists is a valid one: its currency is known, its amount has the currency's own number of decimals and lies below
// 10^15 either way. Sums and products keep to that, or return an error. Its JSON form is
//
//	{"amount":"0.99","currency_code":"USD"}
//
// where the amount is always a string: a JSON number would be a float somewhere along the way, and is refused.
package money
