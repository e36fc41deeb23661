# Writes the receipt of an order. The args come on stdin as JSON; descriptor 3 takes the result; exit 0 means done.
args=$(cat)
list() { printf '%s' "$args" | tr -d '\n' | sed "s/.*\"$1\": *\[\([^]]*\)\].*/\1/; s/,/ /g"; }
order=$(printf '%s' "$args" | tr -d '\n' | sed 's/.*"order": *\([0-9]*\).*/\1/')
total=0
quantities=$(list quantities)
set -- $(list prices)
for quantity in $quantities; do total=$((total + quantity * $1)); shift; done
printf 'Order %s\nTotal %s cents\nThank you!\n' "$order" "$total" > "receipt-$order.txt"
printf '{"type":"done","output":{"file":"receipt-%s.txt","total_cents":%s}}\n' "$order" "$total" >&3
