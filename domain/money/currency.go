package money

import (
	"time"

	"golang.org/x/text/currency"
)

// Decimals is the number of decimals of a currency: 2 for EUR, 0 for JPY, 3 for KWD. Withdrawn currencies such as DEM are known
// too, since what was written in them must stay readable; [CheckInUse] tells them apart. The error is a [*CurrencyError]: the
// code is unknown, not in capitals, or one without decimals (gold, special drawing rights, "no currency").
//
// The codes are those of golang.org/x/text/currency, whose data are CLDR 32 of 2017. CLDR's decimals are those in everyday use,
// not always ISO 4217's (it gives the Colombian peso none), and later codes are missing; both are put right here.
func Decimals(code string) (int32, error) {
	if places, corrected := isoDecimals(code); corrected {
		return places, nil
	}
	unit, err := currency.ParseISO(code)
	if err != nil || unit.String() != code || isWithoutDecimals(code) { // ParseISO takes small letters, too
		return 0, &CurrencyError{Code: code}
	}
	places, _ := currency.Standard.Rounding(unit)
	return int32(places), nil //nolint:gosec // G115: between 0 and 4
}

// CheckInUse returns a [*CurrencyError], with NotInUse set where the code is known, unless the currency was legal tender somewhere on
// the day of a time in UTC, or is since, or is a unit of account that ISO 4217 lists beside them, such as Chile's CLF. Only the end of a currency is looked
// at, not its beginning, so that an old book can be entered as it was written.
func CheckInUse(code string, on time.Time) error {
	if _, err := Decimals(code); err != nil {
		return err
	}
	day := on.UTC().Truncate(24 * time.Hour)
	if isInUseUnlisted(code) || isTender(code, day) && !isWithdrawnSince(code, day) {
		return nil
	}
	return &CurrencyError{Code: code, NotInUse: true}
}

// isTender asks x/text.
func isTender(code string, day time.Time) bool {
	for units := currency.Query(currency.Historical); units.Next(); {
		if end, ended := units.To(); units.Unit().String() == code && (!ended || !end.Before(day)) {
			return true
		}
	}
	return false
}

// isoDecimals holds ISO 4217's decimals where x/text has others, or doesn't have the code.
func isoDecimals(code string) (places int32, corrected bool) {
	switch code {
	case "AFN", "ALL", "AMD", "COP", "GYD", "IDR", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "MNT", "MUR",
		"PKR", "RSD", "SOS", "SYP", "TZS", "UZS", "YER", // CLDR: 0, in everyday use
		"MRO", "SLL", "STD", // the same, withdrawn since
		"MRU", "SLE", "VED", "VES", "XCG", "ZWG": // 2018 to 2025
		return 2, true
	case "IQD": // CLDR: 0
		return 3, true
	case "UYW": // 2018
		return 4, true
	}
	return 0, false
}

// isInUseUnlisted tells of codes that are in use but not in x/text's list of legal tender: new ones and units of account.
func isInUseUnlisted(code string) bool {
	switch code {
	case "MRU", "SLE", "VED", "VES", "XCG", "ZWG", "UYW",
		"BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI":
		return true
	}
	return false
}

// isWithdrawnSince tells of the codes in x/text's list of legal tender that were withdrawn after it was made, with their last days.
func isWithdrawnSince(code string, day time.Time) bool {
	last := map[string]string{
		"ANG": "2025-06-30", "BGN": "2026-01-31", "CUC": "2021-12-31", "HRK": "2023-01-14", "MRO": "2018-12-31", "SLL": "2024-03-31", "VEF": "2018-12-05",
	}[code]
	return last != "" && day.Format(time.DateOnly) > last
}

// isWithoutDecimals tells of the codes for which ISO 4217 gives "N.A.", and of the funds before them.
func isWithoutDecimals(code string) bool {
	switch code {
	case "XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX", "XEU", "XFO", "XFU", "XRE":
		return true
	}
	return false
}
