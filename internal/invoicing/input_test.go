package invoicing_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/organisation"
	"github.com/contrail-events/contrail/internal/invoicing"
)

func read(text string, config invoicing.InputConfig) (invoicing.Input, error) {
	return invoicing.ReadInput(strings.NewReader(text), config)
}

func TestWhatIsNoInvoiceIsNamed(t *testing.T) {
	t.Parallel()
	good := line(6)
	for name, test := range map[string]struct{ text, field, reason string }{
		"no JSON":             {`hello`, "", "is not JSON: invalid character 'h'"},
		"cut off":             {good[:100], "", "is not JSON: it ends too early"},
		"a list":              {`[]`, "", "is JSON, but no object"},
		"a number":            {`42`, "", "is JSON, but no object"},
		"two objects":         {good + good, "", "has something behind the JSON object"},
		"no UTF-8":            {strings.Replace(good, "Tea", "T\xff", 1), "", "is no UTF-8"},
		"unknown field":       {strings.Replace(good, `"reference":"i-6"`, `"reference":"i-6","paid":true`, 1), "paid", "is no field of an invoice"},
		"unknown inner field": {strings.Replace(good, `"quantity":1}`, `"quantity":1,"tax":"x"}`, 1), "line_items[1].tax", "is no field"},
		"other capitals":      {strings.Replace(good, `"reference":"i-6"`, `"Reference":"i-6"`, 1), "Reference", "is no field"},
		"twice":               {strings.Replace(good, `"currency_code":"EUR","due`, `"currency_code":"EUR","currency_code":"EUR","due`, 1), "currency_code", "is there twice"},
		"number for text":     {strings.Replace(good, `"reference":"i-6"`, `"reference":1`, 1), "reference", "is a JSON number where a string belongs"},
		"text for number":     {strings.Replace(good, `"quantity":1}`, `"quantity":"1"}`, 1), "line_items[1].quantity", "is a JSON string where a whole number belongs"},
		"fraction":            {strings.Replace(good, `"quantity":1}`, `"quantity":1.5}`, 1), "line_items[1].quantity", "is a JSON number 1.5 where a whole number"},
		"float amount":        {strings.Replace(good, `"amount":"0.10"`, `"amount":0.10`, 1), "line_items[1].unit_amount.amount", "is a JSON number where a string"},
		"object for list":     {good[:strings.Index(good, `"line_items"`)] + `"line_items":{"description":"x"}}`, "line_items", "is a JSON object where a list belongs"},
		"missing reference":   {strings.Replace(good, `"reference":"i-6",`, ``, 1), "reference", "is empty"},
		"missing contact":     {strings.Replace(good, `"reference":"c-1",`, ``, 1), "contact.reference", "is empty"},
		"null":                {strings.Replace(good, `"i-6"`, `null`, 1), "reference", "is empty"},
		"bad amount":          {strings.Replace(good, `"2.50"`, `"2,50"`, 1), "line_items[0].unit_amount", "is no decimal number"},
		"too many decimals":   {strings.Replace(good, `"2.50"`, `"2.505"`, 1), "line_items[0].unit_amount", "has too many decimals"},
		"bad currency":        {strings.ReplaceAll(good, `"EUR"`, `"EURO"`), "line_items[0].unit_amount", "is unknown"},
		"mixed currencies":    {strings.Replace(good, `"2.50","currency_code":"EUR"`, `"2.50","currency_code":"USD"`, 1), "line_items[0].unit_amount", "is not in the invoice's currency"},
		"does not add up":     {strings.Replace(good, `"17.60"`, `"17.61"`, 1), "sub_total", "is EUR 17.61, but the line items add up to EUR 17.60"},
		"sum without amount":  {strings.Replace(good, `"sub_total":{"amount":"17.60",`, `"sub_total":{`, 1), "sub_total", "is wrong"},
		"no lines":            {good[:strings.Index(good, `"line_items"`)] + `"line_items":[],"sub_total":{"amount":"0","currency_code":"EUR"}}`, "line_items", "is empty"},
		"zero quantity":       {strings.Replace(strings.Replace(good, `"quantity":1}`, `"quantity":0}`, 1), `"17.60"`, `"17.50"`, 1), "line_items[1].quantity", "is out of range"},
		"bad date":            {strings.Replace(good, `2026-01-31`, `31.1.2026`, 1), "due_date", "is no date"},
		"bad day of draft":    {strings.Replace(good, `"due_date"`, `"drafted_on":"soon","due_date"`, 1), "drafted_on", `"soon" is no date`},
		"empty day of draft":  {strings.Replace(good, `"due_date"`, `"drafted_on":"","due_date"`, 1), "drafted_on", `"" is no date`},
		"drafted too late":    {strings.Replace(good, `"due_date"`, `"drafted_on":"2026-02-01","due_date"`, 1), "due_date", "lies before the day of the draft"},
		"long contact":        {strings.NewReplacer(`"o-0"`, `"`+strings.Repeat("o", 150)+`"`, `"c-1"`, `"`+strings.Repeat("c", 50)+`"`).Replace(good), "contact.reference", "is too long together with the organisation's"},
		"drafted tomorrow":    {strings.NewReplacer(`"due_date"`, `"drafted_on":"2995-01-01","due_date"`, `2026-01-31`, `2996-01-31`).Replace(good), "drafted_on", "lies in the future"},
		"list in a list":      {`{"line_items":[` + strings.Repeat("[", 500_000), "line_items[0]", "is a list in a list"},
		"early date":          {strings.Replace(good, `2026-01-31`, `0001-01-10`, 1), "due_date", `"0001-01-10" is too early: `},
		"bad email":           {strings.Replace(good, `ada@example.org`, `ada`, 1), "contact.email", "is no"},
		"organisation":        {strings.Replace(good, `"name":"Organisation 0"`, `"name":" "`, 1), "organisation.name", "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			input, err := read(line(1)+"\n"+test.text+"\n"+line(2), invoicing.InputConfig{})
			require.NoError(t, err)
			require.Len(t, input.Invoices, 2, "the others are read")
			require.Len(t, input.Rejected, 1)
			require.Equal(t, 2, input.Rejected[0].Line)
			if test.reason != "" {
				require.Equal(t, test.field, input.Rejected[0].Field)
				require.Contains(t, input.Rejected[0].Reason, test.reason)
			}
			require.NotContains(t, input.Rejected.Error(), "\n")
			_, err = read(line(1)+"\n"+test.text+"\n"+line(2), invoicing.InputConfig{Strict: true})
			var faults invoicing.LineErrors
			require.ErrorAs(t, err, &faults)
			require.Equal(t, input.Rejected, faults)
		})
	}
}

func TestLinesThatContradictEarlierOnes(t *testing.T) {
	t.Parallel()
	other := strings.Replace(line(3), "ada@example.org", "eva@example.org", 1)
	renamed := strings.Replace(line(3), "Organisation 0", "Apex", 1)
	input, err := read(strings.Join([]string{line(0), line(0), other}, "\n"), invoicing.InputConfig{})
	require.NoError(t, err)
	require.EqualError(t, input.Rejected, `line 2: reference "i-0" is that of line 1, too (and 1 more bad line)`)
	input, err = read(strings.Join([]string{line(0), line(0), other, renamed, line(3)}, "\n"), invoicing.InputConfig{})
	require.NoError(t, err)
	require.Len(t, input.Invoices, 2)
	require.EqualError(t, input.Rejected, `line 2: reference "i-0" is that of line 1, too (and 2 more bad lines)`)
	require.EqualError(t, input.Rejected[1], `line 3: contact "c-1" had other details before`)
	require.EqualError(t, input.Rejected[2], `line 4: organisation "o-0" was named "Organisation 0" before`)
}

func TestMarksEndingsAndEmptyLines(t *testing.T) {
	t.Parallel()
	input, err := read("\ufeff\r\n"+line(0)+"\r\n  \n\n"+line(1), invoicing.InputConfig{})
	require.NoError(t, err)
	require.Empty(t, input.Rejected)
	require.Len(t, input.Invoices, 2)
	require.Equal(t, 2, input.Invoices[0].Line)
	require.Equal(t, 5, input.Invoices[1].Line)

	_, err = read("\ufeff\n\r\n", invoicing.InputConfig{})
	require.ErrorIs(t, err, invoicing.ErrNoInvoice)
	_, err = invoicing.ReadInput(iotest.ErrReader(errors.New("disk on fire")), invoicing.InputConfig{})
	require.EqualError(t, err, "read the input: disk on fire")
}

func TestLongLinesArePassedOver(t *testing.T) {
	t.Parallel()
	config := invoicing.InputConfig{MaxLineBytes: max(len(line(0)), len(line(1)))}
	for _, ending := range []string{"\n", "\r\n"} {
		input, err := read(line(0)+ending+strings.Repeat("x", 10_000)+ending+line(1), config)
		require.NoError(t, err)
		require.Len(t, input.Invoices, 2)
		require.Len(t, input.Rejected, 1)
		require.ErrorContains(t, input.Rejected, "line 2: is longer than ")
	}
}

func TestOrganisationMayBeLeftOut(t *testing.T) {
	t.Parallel()
	text := strings.Replace(line(0), `"organisation":{"reference":"o-0","name":"Organisation 0"},`, ``, 1)
	input, err := read(text, invoicing.InputConfig{Organisation: "chinook"})
	require.NoError(t, err)
	require.Equal(t, "chinook", input.Invoices[0].Organisation.Name)
	require.Equal(t, "EUR 2.60", input.Invoices[0].SubTotal.String())
	for given, want := range map[string]string{
		"": "Main organisation", "\t \x00": "Main organisation", "Bjørn\t& Co\n": "Bjørn & Co", "a\xffb": "a b",
		strings.Repeat("ü", 1000): strings.Repeat("ü", organisation.MaxNameLength),
	} {
		input, err = read(text, invoicing.InputConfig{Organisation: given})
		require.NoError(t, err)
		require.Empty(t, input.Rejected)
		require.Equal(t, want, input.Invoices[0].Organisation.Name)
	}
}

// Each invoice is there before the next line is: an import of a pipe goes along with whoever writes it.
func TestLinesAreReadAsTheyCome(t *testing.T) {
	t.Parallel()
	from, to := io.Pipe()
	taken := make(chan struct{})
	go func() {
		for n := range 3 {
			_, _ = io.WriteString(to, line(n)+"\n")
			<-taken
		}
		_ = to.CloseWithError(errors.New("cable cut"))
	}()
	var last error
	end, n := 0, 0
	for read, err := range invoicing.Lines(from, invoicing.InputConfig{}) {
		if last = err; err != nil {
			continue
		}
		end += len(line(n)) + 1
		n++
		require.Equal(t, n, read.Line)
		require.EqualValues(t, end, read.End)
		taken <- struct{}{}
	}
	require.Equal(t, 3, n)
	require.EqualError(t, last, "read the input: cable cut")
}

// Who has seen enough does not read on.
func TestLinesMayBeLeft(t *testing.T) {
	t.Parallel()
	text := line(0) + "\n{}\n" + line(1) + "\n"
	for enough := 1; enough <= 3; enough++ {
		seen := 0
		for _, err := range invoicing.Lines(strings.NewReader(text), invoicing.InputConfig{}) {
			require.Equal(t, seen == 1, err != nil)
			if seen++; seen == enough {
				break
			}
		}
		require.Equal(t, enough, seen)
	}
}

func ExampleLines() {
	text := `{"reference":"a-1","contact":{"reference":"c-1","first_name":"Ada","last_name":"Byron","email":"ada@example.org"},` +
		`"currency_code":"EUR","due_date":"2026-01-31","line_items":[{"description":"Tea","unit_amount":{"amount":"2.50","currency_code":"EUR"},` +
		`"quantity":2}],"sub_total":{"amount":"5.00","currency_code":"EUR"}}` + "\n" + `{"reference":"a-2"` + "\n"
	for read, err := range invoicing.Lines(strings.NewReader(text), invoicing.InputConfig{Organisation: "Apex"}) {
		fmt.Println(read.Line, read.Reference, read.SubTotal, err)
	}
	// Output:
	// 1 a-1 EUR 5.00 <nil>
	// 2   line 2: is not JSON: it ends too early
}

func FuzzReadInput(f *testing.F) {
	f.Add(line(0) + "\r\n" + line(1))
	f.Add(`{"line_items":[{"unit_amount":{"amount":"1e9"}}]}`)
	f.Add("\ufeff{}\n[\n")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		input, err := read(text, invoicing.InputConfig{MaxLineBytes: 4096, Now: now})
		if err != nil {
			require.ErrorIs(t, err, invoicing.ErrNoInvoice)
			return
		}
		require.LessOrEqual(t, len(input.Invoices)+len(input.Rejected), strings.Count(text, "\n")+1)
		for _, fault := range input.Rejected {
			require.NotEmpty(t, fault.Reason)
			require.NotContains(t, fault.Error(), "\n")
		}
	})
}
