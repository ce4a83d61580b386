-- it's
SELECT 1;
