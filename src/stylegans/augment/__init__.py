"""What is done to an image before the discriminator sees it: StyleGAN2-ADA's pipeline and DiffAugment."""
