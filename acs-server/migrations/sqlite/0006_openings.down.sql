UPDATE transactions SET (reply_key, reply, opening) =
    (SELECT reply_key, reply,
            CAST(coalesce(openings.opening, x'') || coalesce(transactions.opening, x'') AS BLOB)
     FROM openings WHERE openings.number = transactions.number)
WHERE number IN (SELECT number FROM openings);
DROP TABLE openings;
